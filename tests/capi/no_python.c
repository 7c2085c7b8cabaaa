/*
 * A process without any Python: loading the library fails with a sentence that
 * names what is missing, and the process goes on. Built without libpython.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    static const int modes[] = {RTLD_NOW, RTLD_LAZY, RTLD_NOW | RTLD_GLOBAL};
    int i;
    for (i = 0; i < 3; i++) {
        const char *sentence;
        void *library = dlopen(HOST_DLOPEN, modes[i]);
        if (library) {
            fprintf(stderr, "it was loaded, without a Python\n");
            return 1;
        }
        sentence = dlerror();
        if (!sentence || !strstr(sentence, "undefined symbol")
            || !strstr(sentence, "Py")) {
            fprintf(stderr, "not a clear sentence: %s\n",
                    sentence ? sentence : "(none)");
            return 1;
        }
    }
    return 0;
}

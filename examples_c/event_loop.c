/*
 * event_loop.c - a program that sleeps in poll() and reloads without waiting
 * for its next event: the reloader's descriptor wakes it when a file changed.
 *
 * Shows: pyreload_notify_fd() in a poll() loop, the check that follows, and a
 * BEFORE_RELOAD callback that holds a reload back. The "editor" is another
 * process.
 *
 * With Qt the same descriptor goes into a QSocketNotifier, with GLib into
 * g_unix_fd_add(), with libuv into uv_poll_init(). Where there is no such
 * descriptor (it is -1), register for PYRELOAD_EVENT_SOURCE_CHANGED and write
 * to a pipe of your own from the callback.
 *
 * Build by hand:
 *
 *     cc -o event_loop event_loop.c -I../include \
 *        $(python3-config --includes) -L../target/release -lpyreload \
 *        -Wl,-rpath,'$ORIGIN/../target/release' \
 *        $(python3-config --embed --ldflags)
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pyreload.h>

#include <poll.h>
#include <sys/wait.h>
#include <time.h>

#include "demo.h"

typedef struct {
    int busy;               /* the program is in the middle of something */
    int held_back;
} program;

static int may_reload(pyreload_reloader *reloader, const pyreload_event *event,
                      void *user_data)
{
    program *p = user_data;
    (void)reloader;
    if (p->busy) {
        p->held_back++;
        return 1;                       /* no; the change stays pending */
    }
    printf("about to do this:\n%s",
           pyreload_report_text(pyreload_event_report(event)));
    return 0;
}

/* The other process: opens the file, writes, closes it, ends. It was forked
 * before Python was there, and waits to be told. */
static pid_t start_editor(demo_folder *folder, int *say_when)
{
    int pipe_ends[2];
    pid_t pid;
    char what;

    if (pipe(pipe_ends) != 0) {
        perror("pipe");
        exit(2);
    }
    pid = fork();
    if (pid == 0) {
        close(pipe_ends[1]);
        while (read(pipe_ends[0], &what, 1) == 1) {
            struct timespec pause = {0, 20 * 1000 * 1000};
            nanosleep(&pause, NULL);
            demo_save(folder, "lamp.py",
                      what == '2' ? "def colour():\n    return 'green'\n"
                                  : "def colour():\n    return 'blue'\n");
        }
        _exit(0);
    }
    close(pipe_ends[0]);
    *say_when = pipe_ends[1];
    return pid;
}

/* Sleeps until a check has something to say, and gives its status. A wake-up is
 * a hint (any file of the folder may be the reason), so this is a loop. */
static pyreload_status sleep_until_changed(pyreload_reloader *reloader)
{
    pyreload_status status = PYRELOAD_OK;
    pyreload_report *report = NULL;
    struct pollfd fd;
    int woken = 1;

    fd.fd = pyreload_notify_fd(reloader);
    fd.events = POLLIN;
    while (woken == 1 && status == PYRELOAD_OK && !report) {
        fd.revents = 0;
        Py_BEGIN_ALLOW_THREADS
        woken = poll(&fd, 1, 10 * 1000);
        Py_END_ALLOW_THREADS
        status = pyreload_check(reloader, 0, &report);
    }
    demo_expect(woken == 1, "a wake-up");
    pyreload_report_free(report);
    return status;
}

static void expect_colour(const char *colour)
{
    char code[200];
    snprintf(code, sizeof code,
             "import lamp\n"
             "print('  the lamp is', lamp.colour())\n"
             "assert lamp.colour() == '%s'\n", colour);
    demo_expect(PyRun_SimpleString(code) == 0, colour);
}

int main(void)
{
    pyreload_reloader *reloader;
    demo_folder folder;
    program p = {0, 0};
    pid_t editor;
    int say_when;

    demo_open(&folder);
    demo_save(&folder, "lamp.py", "def colour():\n    return 'red'\n");
    editor = start_editor(&folder, &say_when);

    Py_Initialize();
    demo_python(folder.path);
    if (pyreload_create(NULL, &reloader) != PYRELOAD_OK) {
        fprintf(stderr, "no hot reload: %s\n", pyreload_last_error());
        return 2;
    }
    pyreload_add_callback(reloader, "event_loop", PYRELOAD_EVENT_BEFORE_RELOAD,
                          may_reload, &p, NULL, NULL);
    expect_colour("red");
    pyreload_track_imports(reloader);

    printf("\nsleeping; another process will save lamp.py ...\n");
    demo_expect(write(say_when, "2", 1) == 1, "an editor");
    demo_expect(sleep_until_changed(reloader) == PYRELOAD_OK, "a reload");
    expect_colour("green");

    printf("\nand once more, while the program is busy ...\n");
    p.busy = 1;
    demo_expect(write(say_when, "3", 1) == 1, "an editor");
    demo_expect(sleep_until_changed(reloader) == PYRELOAD_ERR_CANCELLED
                    && p.held_back == 1,
                "the callback said no");
    expect_colour("green");
    printf("... and no longer is:\n");
    p.busy = 0;
    pyreload_check(reloader, 0, NULL);
    expect_colour("blue");

    close(say_when);
    waitpid(editor, NULL, 0);
    pyreload_destroy(reloader);
    demo_close(&folder);
    printf("\nok: two wake-ups, no event of the program's own.\n");
    return Py_FinalizeEx() == 0 ? 0 : 2;
}

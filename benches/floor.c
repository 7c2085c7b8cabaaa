/* The floors that a shared library can be measured against: a library of its own, so that the
 * compiler cannot see through the call. */
#include <stdatomic.h>

static atomic_uint word;

unsigned floor_acquire_load(void) {
    return atomic_load_explicit(&word, memory_order_acquire);
}

/* libcudart for tests: the device's memory is the host's. $STANDIN_DEVICES says how many devices there are. */
#include <stdlib.h>
#include <string.h>

int cudaGetDeviceCount(int *count) {
    const char *told = getenv("STANDIN_DEVICES");
    *count = told ? atoi(told) : 1;
    return *count ? 0 : 35;
}
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 5 : 3;
    return device;
}
int cudaGetDeviceProperties(char *properties, int device) {
    const char *told = getenv("STANDIN_GPU");
    memset(properties, 1, 1032);
    strcpy(properties, told ? told : "Stand-in X1");
    return device;
}
int cudaMalloc(void **place, size_t count) {
    *place = malloc(count);
    return *place ? 0 : 2;
}
int cudaMemcpy(void *target, const void *source, size_t count, int kind) {
    if (kind != 1 && kind != 2) return 1;
    memcpy(target, source, count);
    return 0;
}
int cudaFree(void *place) {
    free(place);
    return 0;
}

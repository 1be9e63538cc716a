/* How librsync's symbols are declared: LIBRSYNC_EXPORT, for librsync.h. A static build defines LIBRSYNC_STATIC_DEFINE.
 */
#ifndef LIBRSYNC_EXPORT_H
#define LIBRSYNC_EXPORT_H

#if defined(LIBRSYNC_STATIC_DEFINE)
#define LIBRSYNC_EXPORT
#elif defined(_WIN32) && defined(rsync_EXPORTS)
#define LIBRSYNC_EXPORT __declspec(dllexport)
#elif defined(_WIN32)
#define LIBRSYNC_EXPORT __declspec(dllimport)
#else
#define LIBRSYNC_EXPORT __attribute__((visibility("default")))
#endif

#endif

/* What C99 cannot say to compilers. */
#ifndef TP_COMPILER_H
#define TP_COMPILER_H

#if defined(__clang__)
#define TP_INLINE static inline __attribute__((always_inline))
#define TP_UNROLLED _Pragma("clang loop unroll(full)")
#define TP_ROLLED _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define TP_INLINE static inline __attribute__((always_inline))
#define TP_UNROLLED _Pragma("GCC unroll 8")
#define TP_ROLLED _Pragma("GCC unroll 1")
#else
#define TP_INLINE static inline
#define TP_UNROLLED
#define TP_ROLLED
#endif

/* Have `first` computed before what is made of `second`: left alone, compilers may put it off and run out of registers. */
#if defined(__GNUC__)
#define TP_IN_ORDER(first, second) __asm__("" : "+r"(first), "+r"(second))
#else
#define TP_IN_ORDER(first, second) ((void)(first), (void)(second))
#endif

#endif

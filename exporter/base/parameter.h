/* The parameters of a URL, and the sentence in which one is refused: the first problem
 * stays.  Pure. */
#ifndef BASE_PARAMETER_H
#define BASE_PARAMETER_H

#define PARAMETER_PROBLEM_BYTES 512 /* one sentence, or "" */

/* The index of the parameter among the names (NULL-terminated), or -1: there is a
 * problem, now or already. */
int parameter_find(char problem[PARAMETER_PROBLEM_BYTES], const char *key,
                   const char *const *names);
/* The index of its value among the names, or -1 with the problem. */
int parameter_choose(char problem[PARAMETER_PROBLEM_BYTES], const char *key,
                     const char *value, const char *const *names);
/* `remedy` says what is good. */
void parameter_refuse(char problem[PARAMETER_PROBLEM_BYTES], const char *key,
                      const char *value, const char *remedy);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that find kernel symbols for the others, before those run.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_LOOKUP_H
#define DAXTRACE_PROBE_LOOKUP_H

struct bpf_object;

/* Before the object is loaded, once it is decided which programs are: load also what these need. */
int lookup__choose(struct bpf_object *object);

/*
 * Once it is loaded.  0, or a negative errno (-EPERM with kernel.kptr_restrict=2, -ENOENT: no
 * such symbol), and in *program the name of one that cannot do without.
 */
int lookup__run(struct bpf_object *object, const char **program);

#endif /* DAXTRACE_PROBE_LOOKUP_H */

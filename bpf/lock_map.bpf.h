/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which locks a task takes while it maps a file.  What keeps mmap apart from a change of
 * the mode is taken and let go inside of ->mmap, which is not one function.  So: what
 * the task takes between the beginning of mmap_region() and its end
 * (lock__note_mapped()).  Part of lock.bpf.c.
 */
#ifndef DAXTRACE_LOCK_MAP_BPF_H
#define DAXTRACE_LOCK_MAP_BPF_H

/* Held now, and those that it has taken since mmap_region() began and let go again. */
static __noinline int lock__tell_map(struct lock_task *task, struct inode *inode)
{
	__u64 i_mmap_rwsem = (__u64)&inode->i_mapping->i_mmap_rwsem;
	struct event_lock_set *record;
	struct event_lock_held *noted;
	__u32 i, count, mapping;

	if (!task)
		return 0;
	mapping = task->mapping;
	task->mapping = 0;
	if (!lock_set__is_whole(task, inode))
		mapping = 0;
	record = lock_set__make(task, inode, LOCK_PLACE_MAP);
	if (!record)
		return 0;
	count = record->count;
	for (i = 0; i < LOCK_SET_MAX; i++) {
		noted = &task->noted[i];
		if (i >= task->noted_count)
			break;
		/* The lock of the list of VMAs, which each change of the list takes. */
		if (noted->lock == i_mmap_rwsem)
			continue;
		if (count < LOCK_SET_MAX)
			record->held[count] = *noted;
		count++;
	}
	/* Not all are noted, or it is not known since when. */
	if (task->noted_count > LOCK_SET_MAX || !mapping)
		count = LOCK_SET_MAX + 1;
	record->count = count;
	record__submit(record);
	return 1;
}

SEC("fentry/mmap_region")
int BPF_PROG(lock_set__map_begin, struct file *file)
{
	struct lock_task *task;

	if (!file || !inode__followed(file->f_inode))
		return 0;
	task = lock__task(true);
	if (task) {
		task->mapping = 1;
		task->noted_count = 0;
	}
	return 0;
}

SEC("fexit/mmap_region")
int BPF_PROG(lock_set__map_end, struct file *file)
{
	if (file && inode__followed(file->f_inode))
		lock__tell_map(lock__task(false), file->f_inode);
	return 0;
}

#endif /* DAXTRACE_LOCK_MAP_BPF_H */

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Takes two locks of a file in one order or in the other, each in the task that
 * writes to /sys/kernel/debug/daxtrace_locks:
 *
 *	right PATH	i_rwsem, then invalidate_lock: as filesystems do
 *	wrong PATH	invalidate_lock, then i_rwsem
 *	nested PATH	i_rwsem of the folder, then of the file
 *	reuse -		a mutex in an object of the cache daxtrace_old; then, in the same
 *			place, once that cache is gone, one in an object of daxtrace_new
 *	contend -	a mutex, and twice an rw_semaphore, each while another task holds it
 *			until WAIT_MS after it is waited for
 *	quiet -		the same, while nobody holds them
 *
 *	twice -		an rw_semaphore for reading, and once more
 *	itself -	an rw_semaphore for writing, and once more: another task lets it go
 *
 *	leak -		an rw_semaphore and a mutex, and goes back to user mode with them
 *	unleak -	lets them go
 *
 * But for "contend" and "itself" nothing blocks: the two orders need never meet for the order to be
 * wrong.
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/slab.h>

static struct dentry *control;

static noinline void take_right(struct inode *inode)
{
	inode_lock(inode);
	filemap_invalidate_lock(inode->i_mapping);
	filemap_invalidate_unlock(inode->i_mapping);
	inode_unlock(inode);
}

static noinline void take_wrong(struct inode *inode)
{
	filemap_invalidate_lock(inode->i_mapping);
	inode_lock(inode);
	inode_unlock(inode);
	filemap_invalidate_unlock(inode->i_mapping);
}

static noinline void take_nested(struct inode *folder, struct inode *inode)
{
	inode_lock_nested(folder, I_MUTEX_PARENT);
	inode_lock(inode);
	inode_unlock(inode);
	inode_unlock(folder);
}

#define REUSE_OBJECTS	512

struct reuse_object {
	char before[64];
	struct mutex lock;
	char after[512 - 64 - sizeof(struct mutex)];
};

static DEFINE_MUTEX(daxtrace_outer);

/* A cache with a constructor is merged with no other. */
static void reuse_construct(void *object)
{
}

static noinline void take_in_object(struct reuse_object *object)
{
	mutex_lock(&daxtrace_outer);
	mutex_lock(&object->lock);
	mutex_unlock(&object->lock);
	mutex_unlock(&daxtrace_outer);
}

/* The objects, made and locked; with where, only the first that was there before is locked. */
static int fill_and_take(const char *name, struct reuse_object **objects, struct reuse_object **where)
{
	struct kmem_cache *cache;
	bool taken = false;
	int i, k;

	cache = kmem_cache_create(name, sizeof(**objects), 0, 0, reuse_construct);
	if (!cache)
		return -ENOMEM;
	for (i = 0; i < REUSE_OBJECTS; i++) {
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!objects[i])
			break;
		mutex_init(&objects[i]->lock);
		for (k = 0; where && k < REUSE_OBJECTS && where[k] != objects[i]; k++)
			;
		if (!taken && k < REUSE_OBJECTS) {
			take_in_object(objects[i]);
			taken = where;
		}
	}
	while (i--)
		kmem_cache_free(cache, objects[i]);
	kmem_cache_destroy(cache);
	return !where || taken ? 0 : -EAGAIN;
}

static int take_reused(void)
{
	struct reuse_object **objects = kvcalloc(2 * REUSE_OBJECTS, sizeof(*objects), GFP_KERNEL);
	int err;

	if (!objects)
		return -ENOMEM;
	err = fill_and_take("daxtrace_old", objects, NULL);
	if (!err)
		err = fill_and_take("daxtrace_new", objects + REUSE_OBJECTS, objects);
	kvfree(objects);
	return err;
}

#define WAIT_MS		20

static DECLARE_RWSEM(daxtrace_contended);
static DEFINE_MUTEX(daxtrace_waited);
static DECLARE_COMPLETION(held);

enum contended { CONTENDED_MUTEX, CONTENDED_WRITE, CONTENDED_KILLABLE, CONTENDED_COUNT };

static bool is_waited_for(enum contended which)
{
	/* MUTEX_FLAG_WAITERS: kernel/locking/mutex.h. The list of those has not the same name everywhere. */
	if (which == CONTENDED_MUTEX)
		return atomic_long_read(&daxtrace_waited.owner) & 1;
	return rwsem_is_contended(&daxtrace_contended);
}

/* It sleeps while it holds the lock, so that nobody spins for it. */
static int holder(void *data)
{
	enum contended which = (long)data;

	if (which == CONTENDED_MUTEX)
		mutex_lock(&daxtrace_waited);
	else
		down_read(&daxtrace_contended);
	complete(&held);
	while (!is_waited_for(which))
		msleep(1);
	msleep(WAIT_MS);
	if (which == CONTENDED_MUTEX)
		mutex_unlock(&daxtrace_waited);
	else
		up_read(&daxtrace_contended);
	return 0;
}

static int take_contended(enum contended which)
{
	switch (which) {
	case CONTENDED_MUTEX:
		mutex_lock(&daxtrace_waited);
		mutex_unlock(&daxtrace_waited);
		return 0;
	case CONTENDED_WRITE:
		down_write(&daxtrace_contended);
		break;
	default:
		if (down_write_killable(&daxtrace_contended))
			return -EINTR;
	}
	up_write(&daxtrace_contended);
	return 0;
}

static int contend(bool with_holder)
{
	struct task_struct *task;
	int err = 0;
	long which;

	for (which = 0; which < CONTENDED_COUNT && !err; which++) {
		if (with_holder) {
			reinit_completion(&held);
			task = kthread_run(holder, (void *)which, "daxtrace_holder");
			if (IS_ERR(task))
				return PTR_ERR(task);
			wait_for_completion(&held);
		}
		err = take_contended(which);
	}
	return err;
}

static DECLARE_RWSEM(daxtrace_twice);
static DECLARE_RWSEM(daxtrace_itself);

static noinline int take_twice(void)
{
	down_read(&daxtrace_twice);
	down_read(&daxtrace_twice);
	up_read(&daxtrace_twice);
	up_read(&daxtrace_twice);
	return 0;
}

/* No task may do this; but one that waits for itself would not wait for ever otherwise. */
static int rescuer(void *unused)
{
	while (!rwsem_is_contended(&daxtrace_itself))
		msleep(1);
	up_write(&daxtrace_itself);
	return 0;
}

static noinline int take_itself(void)
{
	struct task_struct *task;

	down_write(&daxtrace_itself);
	task = kthread_run(rescuer, NULL, "daxtrace_rescuer");
	if (!IS_ERR(task))
		down_write(&daxtrace_itself);
	up_write(&daxtrace_itself);
	return PTR_ERR_OR_ZERO(task);
}

static DECLARE_RWSEM(daxtrace_leaked);
static DEFINE_MUTEX(daxtrace_leaked_too);

static int leak(bool begin)
{
	if (begin) {
		if (!down_write_trylock(&daxtrace_leaked))
			return -EBUSY;
		mutex_lock(&daxtrace_leaked_too);
	} else {
		mutex_unlock(&daxtrace_leaked_too);
		up_write(&daxtrace_leaked);
	}
	return 0;
}

static ssize_t control_write(struct file *file, const char __user *buffer, size_t length,
			     loff_t *position)
{
	char *text, *name;
	struct path path;
	int err;

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	text = memdup_user_nul(buffer, length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	name = text;
	strsep(&name, " ");
	err = -EINVAL;
	if (!name)
		goto out;
	name[strcspn(name, "\n")] = '\0';
	if (!strcmp(text, "reuse")) {
		err = take_reused();
		goto out;
	}
	if (!strcmp(text, "twice") || !strcmp(text, "itself")) {
		err = !strcmp(text, "twice") ? take_twice() : take_itself();
		goto out;
	}
	if (!strcmp(text, "leak") || !strcmp(text, "unleak")) {
		err = leak(!strcmp(text, "leak"));
		goto out;
	}
	if (!strcmp(text, "contend") || !strcmp(text, "quiet")) {
		err = contend(!strcmp(text, "contend"));
		goto out;
	}
	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		goto out;
	if (!strcmp(text, "right"))
		take_right(d_inode(path.dentry));
	else if (!strcmp(text, "wrong"))
		take_wrong(d_inode(path.dentry));
	else if (!strcmp(text, "nested"))
		take_nested(d_inode(path.dentry->d_parent), d_inode(path.dentry));
	else
		err = -EINVAL;
	path_put(&path);
out:
	kfree(text);
	return err ? err : length;
}

static const struct file_operations control_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

static int __init locks_init(void)
{
	control = debugfs_create_file("daxtrace_locks", 0200, NULL, NULL, &control_operations);
	return PTR_ERR_OR_ZERO(control);
}

static void __exit locks_exit(void)
{
	debugfs_remove(control);
}

module_init(locks_init);
module_exit(locks_exit);
MODULE_DESCRIPTION("Locks of a file in a given order, for tests of daxtrace");
MODULE_LICENSE("Dual BSD/GPL");

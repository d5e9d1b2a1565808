//go:build ignore

// The accounting programs; see doc.go. Only the kernel fields that are used are
// declared: CO-RE finds their real offsets when the program is loaded.

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct { int counter; } atomic_t;
struct kernfs_node { __u64 id; };
struct cgroup_root { int hierarchy_id; };
struct cgroup { struct kernfs_node *kn; int level; struct cgroup_root *root; struct cgroup *ancestors[1]; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
struct blkcg { struct cgroup_subsys_state css; };
struct blkcg_gq { struct blkcg *blkcg; };
struct gendisk { int major, first_minor; };
struct block_device { struct gendisk *bd_disk; };
struct bvec_iter { unsigned int bi_size; };
struct bio {
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	struct bvec_iter bi_iter;
	struct blkcg_gq *bi_blkg;
};
struct request { struct bio *bio; unsigned int cmd_flags; __u64 start_time_ns; };
enum req_flag_bits { __REQ_SYNC, __REQ_FUA, __REQ_PREFLUSH };
struct css_set { struct cgroup *dfl_cgrp; };
struct signal_struct { atomic_t live; int group_exit_code; unsigned int flags; };
struct sched_entity { __u64 sum_exec_runtime, prev_sum_exec_runtime; };
struct task_struct {
	struct sched_entity se;
	unsigned int __state;
	int pid, tgid, exit_code;
	__u64 start_boottime;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct css_set *cgroups;
};
#pragma clang attribute pop

#define TASK_RUNNING 0
#define SIGNAL_GROUP_EXIT 4
#define SIGNAL_UNKILLABLE 64 /* process 1 of a namespace */
#define NSEC_PER_TICK 10000000 /* /proc shows start times in 1/100 s */
#define WAIT_BUCKETS 64
#define BLOCK_DEVICES 8
#define OP_READ 0 /* operations of the block layer: no kernel has other numbers */
#define OP_DISCARD 3
#define OP_MASK 255

/* Level of our groups in the hierarchy: what a task makes below its group counts
 * for the group. 0: unknown, count exact matches only. */
const volatile __u32 group_level = 0;

/* All fields only grow. Bucket b of wait_hist holds waits of
 * [2^(b/2), 2^(b/2+1)) ns, split in halves by the parity of b. */
struct account {
	__u64 cpu_ns, switches;
	__u64 wait_ns, waits;
	__u64 forks, exits, oom_kills;
	__u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
	/* Not 0: what is in blocks is not all, since the account was opened late or
	 * there are more devices than places. */
	__u64 blocks_lost;
	__u64 reserved[4];
	__u64 wait_hist[WAIT_BUCKETS];
};

/* Transfers from and to one device, by kind; sync_ of all of them. device is
 * 1<<63 | major<<32 | minor, 0 in a free place. */
struct block_counts {
	__u64 device;
	__u64 read_bytes, write_bytes, discard_bytes, sync_bytes;
	__u64 read_ops, write_ops, discard_ops, sync_ops;
};
struct block_account { struct block_counts devices[BLOCK_DEVICES]; };

/* Nanoseconds that requests of one device have taken: in the scheduler's queues, and at
 * the device from when it got them. device, and what is what, as in block_counts. */
struct block_times {
	__u64 device;
	__u64 read_wait, write_wait, discard_wait, sync_wait;
	__u64 read_service, write_service, discard_service, sync_service;
};
struct time_account { struct block_times devices[BLOCK_DEVICES]; };

/* A request of ours from when it is queued until it is complete. issued is 0 until the
 * device has it. */
struct flight { __u64 seen, issued; __u32 slot, pad; };

/* One cache line a CPU. slot is 1 more than the index, 0 for not ours. */
struct running_on { __u64 since, slot, pid, pad[5]; };

struct exit_key { __u32 pid, pad; __u64 start_ticks; };
struct exit_value { __u64 cgroup_id, at_ns; __u32 wait_status, init; };

/* The sizes of the first five are set when they are created. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct account);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct block_account);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct time_account);
} times SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct running_on);
} running SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct exit_key);
	__type(value, struct exit_value);
} exits SEC(".maps");

/* Thread id → since when it is ready to run, 0 while it runs or sleeps. LRU, and
 * allocated beforehand: task storage would do as well, but before 6.4 it
 * allocates inside the scheduler. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} queued SEC(".maps");

/* By the address of the request, which the kernel uses again: see is_of. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct flight);
} flights SEC(".maps");

/* slot_of returns the slot + 1 of a cgroup, 0 if it is not registered. */
static __always_inline __u32 slot_of(struct cgroup *cg, __u64 *id)
{
	if (group_level && bpf_core_field_exists(cg->ancestors) && cg->level > (int)group_level) {
		struct cgroup *up = 0;
		bpf_core_read(&up, sizeof(up), &cg->ancestors[group_level]);
		*id = BPF_CORE_READ(up, kn, id);
	} else {
		*id = cg->kn->id;
	}
	__u32 *slot = bpf_map_lookup_elem(&groups, id);
	return slot ? *slot + 1 : 0;
}

static __always_inline struct account *counters_of(__u32 slot1)
{
	__u32 slot = slot1 - 1;
	return slot1 ? bpf_map_lookup_elem(&counters, &slot) : 0;
}

#define COUNT(field, n) __sync_fetch_and_add(&(field), (n))

static __always_inline __u32 bucket(__u64 ns)
{
	__u32 log = 0;
	__u64 v = ns;
	if (v >> 32) { v >>= 32; log += 32; }
	if (v >> 16) { v >>= 16; log += 16; }
	if (v >> 8) { v >>= 8; log += 8; }
	if (v >> 4) { v >>= 4; log += 4; }
	if (v >> 2) { v >>= 2; log += 2; }
	if (v >> 1) log += 1;
	__u32 half = log ? (ns >> (log - 1)) & 1 : 0;
	__u32 b = 2 * log + half;
	return b < WAIT_BUCKETS ? b : WAIT_BUCKETS - 1;
}

static __always_inline void waited(struct account *c, __u64 ns)
{
	__u32 b = bucket(ns);
	COUNT(c->wait_ns, ns);
	COUNT(c->waits, 1);
	if (b < WAIT_BUCKETS)
		COUNT(c->wait_hist[b], 1);
}

static __always_inline void enqueue(struct task_struct *p, __u64 now)
{
	__u32 pid = p->pid;
	__u64 *since = bpf_map_lookup_elem(&queued, &pid);
	if (since)
		*since = now;
	else
		bpf_map_update_elem(&queued, &pid, &now, BPF_ANY);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns(), id;
	__u32 cpu = bpf_get_smp_processor_id();
	struct running_on *run = bpf_map_lookup_elem(&running, &cpu);
	if (!run)
		return 0;

	/* Some kernels do not report every switch. Then what we know is of somebody
	 * who ran here before prev, and prev ran no longer than the scheduler says. */
	__u32 slot1 = run->slot;
	__u64 ran = now - run->since;
	if (run->pid != prev->pid) {
		slot1 = prev->pid ? slot_of(prev->cgroups->dfl_cgrp, &id) : 0;
		__u64 most = prev->se.sum_exec_runtime - prev->se.prev_sum_exec_runtime;
		if (ran > most)
			ran = most;
	}
	struct account *c = counters_of(slot1);
	if (c) {
		COUNT(c->cpu_ns, ran);
		COUNT(c->switches, 1);
		if (prev->__state == TASK_RUNNING)
			enqueue(prev, now);
	}
	slot1 = next->pid ? slot_of(next->cgroups->dfl_cgrp, &id) : 0;
	run->slot = slot1;
	run->pid = next->pid;
	run->since = now;
	c = counters_of(slot1);
	if (c) {
		__u32 pid = next->pid;
		__u64 *since = bpf_map_lookup_elem(&queued, &pid);
		if (since && *since) {
			waited(c, now - *since);
			*since = 0;
		}
	}
	return 0;
}

static __always_inline int woken(struct task_struct *p)
{
	__u64 id;
	if (slot_of(p->cgroups->dfl_cgrp, &id))
		enqueue(p, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p) { return woken(p); }

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *p) { return woken(p); }

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u64 id;
	struct account *c = counters_of(slot_of(child->cgroups->dfl_cgrp, &id));
	if (c)
		COUNT(c->forks, 1);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *p)
{
	struct signal_struct *sig = p->signal;
	__u64 id;
	if (sig->live.counter) /* not the last thread */
		return 0;
	struct account *c = counters_of(slot_of(p->cgroups->dfl_cgrp, &id));
	if (!c)
		return 0;
	COUNT(c->exits, 1);

	struct task_struct *leader = p->group_leader;
	struct exit_key key = { .pid = p->tgid, .start_ticks = leader->start_boottime / NSEC_PER_TICK };
	struct exit_value value = { .cgroup_id = id, .at_ns = bpf_ktime_get_ns() };
	/* The rule of wait(2): the group's code if there was exit_group or a
	 * fatal signal, otherwise that of the leader. */
	value.wait_status = sig->flags & SIGNAL_GROUP_EXIT ? sig->group_exit_code : leader->exit_code;
	value.init = (sig->flags & SIGNAL_UNKILLABLE) != 0;
	bpf_map_update_elem(&exits, &key, &value, BPF_ANY);
	return 0;
}

SEC("tp_btf/mark_victim")
int BPF_PROG(on_oom, struct task_struct *victim)
{
	__u64 id;
	struct account *c = counters_of(slot_of(victim->cgroups->dfl_cgrp, &id));
	if (c)
		COUNT(c->oom_kills, 1);
	return 0;
}

static __always_inline struct account *counters_of_packet(struct __sk_buff *skb)
{
	__u64 id = group_level ? bpf_skb_ancestor_cgroup_id(skb, group_level) : bpf_skb_cgroup_id(skb);
	__u32 *slot = bpf_map_lookup_elem(&groups, &id);
	return slot ? counters_of(*slot + 1) : 0;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	struct account *c = counters_of_packet(skb);
	if (c) {
		COUNT(c->rx_packets, 1);
		COUNT(c->rx_bytes, skb->len);
	}
	return 1;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	struct account *c = counters_of_packet(skb);
	if (c) {
		COUNT(c->tx_packets, 1);
		COUNT(c->tx_bytes, skb->len);
	}
	return 1;
}

/* slot_of_bio finds whom a transfer is for: the cgroup that the block layer charges
 * if that is one of the unified hierarchy, which knows whose pages are written back.
 * Otherwise it is the caller's, as it is on v1. */
static __always_inline __u32 slot_of_bio(struct bio *bio)
{
	__u64 id;
	if (bpf_core_field_exists(bio->bi_blkg)) {
		struct cgroup *charged = bio->bi_blkg->blkcg->css.cgroup;
		if (charged && charged->root->hierarchy_id == 0 && charged->level > 0 && charged->level >= (int)group_level)
			return slot_of(charged, &id);
	}
	return slot_of(bpf_get_current_task_btf()->cgroups->dfl_cgrp, &id);
}

static __always_inline __u32 sync_flags(void)
{
	return 1 << bpf_core_enum_value(enum req_flag_bits, __REQ_SYNC) |
	       1 << bpf_core_enum_value(enum req_flag_bits, __REQ_FUA) |
	       1 << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH);
}

static __always_inline void transferred(struct block_counts *d, __u32 opf, __u64 bytes)
{
	__u32 sync = sync_flags(), op = opf & OP_MASK;
	if (op == OP_READ || opf & sync) {
		COUNT(d->sync_bytes, bytes);
		COUNT(d->sync_ops, 1);
	}
	if (op == OP_DISCARD) {
		COUNT(d->discard_bytes, bytes);
		COUNT(d->discard_ops, 1);
	} else if (op & 1) { /* odd ones go to the device */
		COUNT(d->write_bytes, bytes);
		COUNT(d->write_ops, 1);
	} else {
		COUNT(d->read_bytes, bytes);
		COUNT(d->read_ops, 1);
	}
}

static __always_inline __u64 device_of(struct bio *bio)
{
	struct gendisk *disk = bio->bi_bdev->bd_disk;
	return 1ULL << 63 | (__u64)disk->major << 32 | (__u32)disk->first_minor;
}

SEC("tp_btf/block_bio_queue")
int BPF_PROG(on_block, struct bio *bio)
{
	__u32 slot1 = slot_of_bio(bio);
	struct account *c = counters_of(slot1);
	if (!c)
		return 0;
	__u32 slot = slot1 - 1;
	struct block_account *b = bpf_map_lookup_elem(&blocks, &slot);
	if (!b)
		return 0;
	__u64 device = device_of(bio);
#pragma unroll
	for (int i = 0; i < BLOCK_DEVICES; i++) {
		struct block_counts *d = &b->devices[i];
		__u64 there = d->device;
		if (!there)
			there = __sync_val_compare_and_swap(&d->device, 0, device);
		if (there == device || !there) {
			transferred(d, bio->bi_opf, bio->bi_iter.bi_size);
			return 0;
		}
	}
	COUNT(c->blocks_lost, 1);
	return 0;
}

/* is_of tells whether f is of this use of its request: one that was merged into another
 * does not complete, and leaves its flight behind. */
static __always_inline _Bool is_of(struct flight *f, struct request *rq)
{
	return f->seen >= rq->start_time_ns;
}

/* flight_of finds the flight of a request, and starts it for a request of ours that
 * is seen for the first time, which is in the context of whoever asks for it. */
static __always_inline struct flight *flight_of(struct request *rq, __u64 now)
{
	__u64 key = (__u64)rq;
	struct bio *bio = rq->bio;
	if (!bio) /* nothing is transferred */
		return 0;
	struct flight *f = bpf_map_lookup_elem(&flights, &key);
	if (f && is_of(f, rq))
		return f;
	__u32 slot1 = slot_of_bio(bio);
	if (slot1) {
		struct flight fresh = { .seen = now, .slot = slot1 - 1 };
		bpf_map_update_elem(&flights, &key, &fresh, BPF_ANY);
		return bpf_map_lookup_elem(&flights, &key);
	}
	if (f)
		bpf_map_delete_elem(&flights, &key);
	return 0;
}

static __always_inline void took(struct request *rq, __u32 slot, __u64 wait, __u64 service)
{
	struct time_account *t = bpf_map_lookup_elem(&times, &slot);
	struct bio *bio = rq->bio;
	if (!t || !bio)
		return;
	__u64 device = device_of(bio);
	__u32 sync = sync_flags(), opf = rq->cmd_flags, op = opf & OP_MASK;
#pragma unroll
	for (int i = 0; i < BLOCK_DEVICES; i++) {
		struct block_times *d = &t->devices[i];
		__u64 there = d->device;
		if (!there)
			there = __sync_val_compare_and_swap(&d->device, 0, device);
		if (there && there != device)
			continue;
		if (op == OP_READ || opf & sync) {
			COUNT(d->sync_wait, wait);
			COUNT(d->sync_service, service);
		}
		if (op == OP_DISCARD) {
			COUNT(d->discard_wait, wait);
			COUNT(d->discard_service, service);
		} else if (op & 1) {
			COUNT(d->write_wait, wait);
			COUNT(d->write_service, service);
		} else {
			COUNT(d->read_wait, wait);
			COUNT(d->read_service, service);
		}
		return;
	}
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(on_insert, struct request *rq)
{
	flight_of(rq, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue, struct request *rq)
{
	__u64 now = bpf_ktime_get_ns();
	struct flight *f = flight_of(rq, now);
	if (!f || f->issued) /* a device may give a request back, and get it again */
		return 0;
	__u64 since = rq->start_time_ns; /* 0 if the device keeps no statistics */
	if (!since)
		since = f->seen;
	f->issued = now;
	if (since < now)
		took(rq, f->slot, now - since, 0);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *rq)
{
	__u64 key = (__u64)rq;
	struct flight *f = bpf_map_lookup_elem(&flights, &key);
	if (!f)
		return 0;
	__u64 issued = f->issued;
	if (issued && is_of(f, rq))
		took(rq, f->slot, 0, bpf_ktime_get_ns() - issued);
	bpf_map_delete_elem(&flights, &key);
	return 0;
}

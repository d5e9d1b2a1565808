package trace

import (
	"errors"
	"strings"
	"time"
)

// Columns of Alibaba's tables of 2018, which have no header.
var (
	machineMeta   = []string{"machine_id", "time_stamp", "failure_domain_1", "failure_domain_2", "cpu_num", "mem_size", "status"}
	containerMeta = []string{"container_id", "machine_id", "time_stamp", "app_du", "status", "cpu_request", "cpu_limit", "mem_size"}
	batchTask     = []string{"task_name", "instance_num", "job_name", "task_type", "status", "start_time", "end_time", "plan_cpu", "plan_mem"}
	batchInstance = []string{"instance_name", "task_name", "job_name", "task_type", "status", "start_time", "end_time", "machine_id", "seq_no",
		"total_seq_no", "cpu_avg", "cpu_max", "mem_avg", "mem_max"}
)

// alibaba reads Alibaba's tables.
type alibaba struct {
	*reader
	// plans are what an instance of a batch task asks for, kept if instances have a table of
	// their own.
	plans map[plan]demand
	own   bool
}

type plan struct{ job, task string }

type demand struct{ cpus, mem float64 }

// maxInstances of one batch task.
const maxInstances = 100_000

func alibaba2018(r *reader) error {
	a := &alibaba{reader: r, plans: map[plan]demand{}}
	seen := map[string]bool{}
	there, err := r.each("machine_meta", machineMeta, func(l *line) error {
		id, cpus, mem := l.text("machine_id"), l.number("cpu_num"), l.number("mem_size")
		if id == "" || cpus == 0 || mem == 0 {
			l.fail("cpu_num", "an id, CPUs and memory")
		}
		if l.err != nil || seen[id] || !r.keeps(id) || len(seen) >= r.o.MaxTasks {
			return l.err
		}
		seen[strings.Clone(id)] = true
		// CPUs are told as they are.
		r.machine(cpus/r.o.Largest.CPUs, mem/100)
		return nil
	})
	if err != nil {
		return err
	}
	if !there {
		return errors.New(r.dir + ": got no machine_meta.csv, .csv.gz or .csv.zst, want Alibaba's table of that name")
	}
	if err := a.containers(); err != nil {
		return err
	}
	return a.batch()
}

// seconds of a column.
func (l *line) seconds(column string) time.Duration {
	v := l.whole(column)
	if v < 0 || v > 1e9 {
		l.fail(column, "seconds of at least 0")
		return 0
	}
	return time.Duration(v) * time.Second
}

// containers are services: wanted when they are first told of, and then for ever.
func (a *alibaba) containers() error {
	type service struct {
		since time.Duration
		demand
	}
	first := map[string]service{}
	_, err := a.each("container_meta", containerMeta, func(l *line) error {
		id := l.text("container_id")
		s := service{l.seconds("time_stamp"), demand{l.number("cpu_request"), l.number("mem_size")}}
		if id == "" {
			l.fail("container_id", "an id")
		}
		if l.err != nil || !a.keeps(id) {
			return l.err
		}
		was, known := first[id]
		if !known && len(first) >= a.o.MaxTasks {
			a.out.Stats.Dropped++
			return nil
		}
		if !known || s.since < was.since {
			first[strings.Clone(id)] = s
		}
		return nil
	})
	for _, s := range first {
		a.add("online", s.since, 0, s.demand)
	}
	return err
}

// add adds a task: 100 is a CPU, and all of the largest machine's memory.
func (a *alibaba) add(group string, began, ended time.Duration, d demand) {
	a.task(group, began, began, ended, d.cpus/100, d.mem/100*a.o.Largest.MemMiB)
}

// batch reads tasks of jobs: their instances if there is a table of them, or as many
// alike as the task has.
func (a *alibaba) batch() error {
	files, err := a.files("batch_instance")
	if err != nil {
		return err
	}
	a.own = len(files) > 0
	if _, err := a.each("batch_task", batchTask, a.batchTask); err != nil {
		return err
	}
	_, err = a.each("batch_instance", batchInstance, a.batchInstance)
	return err
}

func (a *alibaba) batchTask(l *line) error {
	job, n := l.text("job_name"), l.whole("instance_num")
	began, ended := l.seconds("start_time"), l.seconds("end_time")
	d := demand{l.number("plan_cpu"), l.number("plan_mem")}
	if n < 0 || n > maxInstances {
		l.fail("instance_num", "0 to 100000")
	}
	if l.err != nil || !a.keeps(job) {
		return l.err
	}
	if a.own {
		if len(a.plans) < a.o.MaxTasks {
			a.plans[plan{strings.Clone(job), strings.Clone(l.text("task_name"))}] = d
		}
		return nil
	}
	for range n {
		a.run("batch-"+l.text("task_type"), began, ended, d)
	}
	return nil
}

func (a *alibaba) batchInstance(l *line) error {
	job := l.text("job_name")
	began, ended := l.seconds("start_time"), l.seconds("end_time")
	if l.err != nil || !a.keeps(job) {
		return l.err
	}
	d, known := a.plans[plan{job, l.text("task_name")}]
	if !known {
		a.out.Stats.Odd++
		return nil
	}
	a.run("batch-"+l.text("task_type"), began, ended, d)
	return nil
}

// run adds a task that ends. Some that were interrupted have no times.
func (a *alibaba) run(group string, began, ended time.Duration, d demand) {
	if began == 0 || ended < began {
		a.out.Stats.Odd++
		return
	}
	a.add(group, began, max(ended, began+time.Second/2), d)
}

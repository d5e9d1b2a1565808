package alloc_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/caprock/caprock/alloc"
	"github.com/caprock/caprock/store/journal"
	"github.com/caprock/caprock/store/kv"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// BenchmarkRestart is the time from nothing to a service that could answer, over
// a store that holds a cluster, and what of it stays in memory.
func BenchmarkRestart(b *testing.B) {
	for _, size := range []struct{ agents, tasks int }{{10_000, 100_000}, {50_000, 500_000}} {
		b.Run(fmt.Sprintf("agents=%d/tasks=%d", size.agents, size.tasks), func(b *testing.B) {
			dir := b.TempDir()
			writeCluster(b, dir, size.agents, size.tasks)
			before := liveHeap()
			b.ResetTimer()
			for range b.N {
				s, err := alloc.New(alloc.Options{WorkDir: dir, Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				b.ReportMetric(float64(liveHeap()-before)/float64(size.tasks), "B/task")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// liveHeap is what is reachable, in bytes.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func writeCluster(b *testing.B, dir string, agents, tasks int) {
	b.Helper()
	db, err := kv.Open(filepath.Join(dir, "store"), kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	j, err := journal.Open(db, journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	batch := j.NewBatch(1 << 20)
	put := func(key []byte, v record.Value) {
		value, err := record.AppendValue(nil, v)
		if err != nil {
			b.Fatal(err)
		}
		batch.Set(key, value)
		if batch.Bytes() > 1<<20 {
			if _, err := j.Append(batch, nil); err != nil {
				b.Fatal(err)
			}
			batch = j.NewBatch(1 << 20)
		}
	}
	protos := func(text, role string) []*mesos.Resource {
		rs, err := resource.Parse(text, "*")
		if err != nil {
			b.Fatal(err)
		}
		if role != "" {
			rs = rs.Allocate(role)
		}
		return rs.ToProto(resource.PostRefinement)
	}
	now, framework := int64(1_700_000_000_000_000_000), "m-0000"
	put(record.FrameworkKey(framework), &record.Framework{
		Info: &mesos.FrameworkInfo{
			Id: &mesos.FrameworkID{Value: &framework}, User: ptr("root"), Name: ptr("f"), Roles: []string{"r"},
			Capabilities: []*mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE.Enum()}},
		},
		RegisteredNanos: &now, ReregisteredNanos: &now,
	})
	total, use := protos("cpus:24;mem:65536;disk:100000;ports:[31000-32000]", ""), protos("cpus:0.1;mem:32", "r")
	agentID := func(i int) string { return fmt.Sprintf("m-S%d", i%agents) }
	for i := range agents {
		id := agentID(i)
		put(record.AgentKey(id), &record.Agent{
			Info: &mesos.AgentInfo{
				Id: &mesos.AgentID{Value: &id}, Hostname: ptr(fmt.Sprintf("host-%d", i)), Port: ptr(int32(5051)), Resources: total,
			},
			Phase: record.Agent_REGISTERED.Enum(), Version: ptr("1.12.0"), Total: total, RegisteredNanos: &now,
			Address: &mesos.Address{Ip: ptr("10.0.0.1"), Port: ptr(int32(5051))},
		})
	}
	for i := range tasks {
		id, agent := fmt.Sprintf("task-%d", i), agentID(i)
		put(record.TaskKey(framework, id), &record.Task{Task: &mesos.Task{
			Name: ptr("task"), TaskId: &mesos.TaskID{Value: &id}, FrameworkId: &mesos.FrameworkID{Value: &framework},
			AgentId: &mesos.AgentID{Value: &agent}, State: mesos.TaskState_TASK_RUNNING.Enum(), Resources: use,
			Statuses: []*mesos.TaskStatus{{
				TaskId: &mesos.TaskID{Value: &id}, State: mesos.TaskState_TASK_RUNNING.Enum(), AgentId: &mesos.AgentID{Value: &agent},
				Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Timestamp: ptr(1.7e9), Uuid: []byte("0123456789abcdef"),
			}},
		}})
	}
	if _, err := j.Append(batch, nil); err != nil {
		b.Fatal(err)
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

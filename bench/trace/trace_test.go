package trace

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/bench/world"
)

var all = Options{Part: 1, For: time.Hour, Largest: world.Amount{CPUs: 64, MemMiB: 65536}}

func read(t *testing.T, name string, o Options) *Trace {
	t.Helper()
	tr, err := Read(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestGoogleCellOfAllParts(t *testing.T) {
	dir := googleSample(t, 1, 60, 100)
	tr := read(t, "google2019:"+dir, all)
	machines := 0
	for _, m := range tr.Machines {
		machines += m.Count
		if m.CPUs != 16 && m.CPUs != 32 && m.CPUs != 64 || m.MemMiB != 32768 && m.MemMiB != 65536 {
			t.Errorf("got machines of %v", m.Amount)
		}
	}
	if machines != 60 || len(tr.Tasks) != 300 || len(tr.Groups) != 3 || tr.Stats.Bad != 0 || tr.Stats.Files != 4 {
		t.Fatalf("got %d machines, %d tasks of %v; %v", machines, len(tr.Tasks), tr.Groups, &tr.Stats)
	}
	for i, task := range tr.Tasks {
		if task.Runs != time.Minute || task.CPUs < 6.39 || task.CPUs > 6.41 || task.MemMiB < 3276 || task.MemMiB > 3277 || i > 0 && task.At < tr.Tasks[i-1].At {
			t.Fatalf("task %d is %+v", i, task)
		}
	}
	if !reflect.DeepEqual(tr, read(t, "google2019:"+dir, all)) {
		t.Error("a second reading differs")
	}
}

func TestAPartIsThatPartOfJobsAndMachines(t *testing.T) {
	o := all
	o.Part = .25
	tr := read(t, "google2019:"+googleSample(t, 2, 400, 400), o)
	machines := 0
	for _, m := range tr.Machines {
		machines += m.Count
	}
	if machines < 60 || machines > 140 || len(tr.Tasks) < 180 || len(tr.Tasks) > 420 || len(tr.Tasks)%3 != 0 {
		t.Errorf("got %d machines of 400 and %d tasks of 1200, want a quarter, and whole jobs", machines, len(tr.Tasks))
	}
}

// lives reads one Google job's events, named as the format does or numbered.
func lives(t *testing.T, o Options, lines ...string) *Trace {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "machine_events.csv", "0,1,1,s,1,1,p,0", "5,2,ADD,s,.5,.5,p,0", "9,2,REMOVE,s,,,p,0", "7200000000,3,1,s,1,1,p,0")
	put(t, dir, "instance_events.csv", lines...)
	return read(t, "google2019:"+dir, o)
}

func TestLivesOfGoogleInstances(t *testing.T) {
	const s = 1_000_000 // a second in µs
	o := all
	o.From, o.For = time.Minute, time.Hour
	for _, c := range []struct {
		name  string
		lines []string
		want  []Task // At, Runs
		odd   int
	}{
		{"waits, then runs", []string{googleInstance(70*s, "SUBMIT", 1, 0, .5, .5), googleInstance(80*s, "SCHEDULE", 1, 0, .5, .5), googleInstance(90*s, "FINISH", 1, 0, .5, .5)},
			[]Task{{At: 10 * time.Second, Runs: 10 * time.Second}}, 0},
		{"evicted and run again", []string{googleInstance(70*s, 0, 1, 0, .5, .5), googleInstance(71*s, 3, 1, 0, .5, .5), googleInstance(75*s, 4, 1, 0, .5, .5),
			googleInstance(85*s, 3, 1, 0, .5, .5), googleInstance(88*s, 7, 1, 0, .5, .5)},
			[]Task{{At: 10 * time.Second, Runs: 4 * time.Second}, {At: 15 * time.Second, Runs: 3 * time.Second}}, 0},
		{"there before and after", []string{googleInstance(0, 0, 1, 0, .5, .5), googleInstance(0, 3, 1, 0, .5, .5), googleInstance(9223372036854775807, 6, 1, 0, .5, .5)},
			[]Task{{}}, 0},
		{"runs into the stretch", []string{googleInstance(10*s, 3, 1, 0, .5, .5), googleInstance(70*s, 5, 1, 0, .5, .5)}, []Task{{Runs: 10 * time.Second}}, 0},
		{"never scheduled", []string{googleInstance(70*s, 0, 1, 0, .5, .5), googleInstance(80*s, 7, 1, 0, .5, .5), googleInstance(70*s, 3, 2, 0, .5, .5)},
			[]Task{{At: 10 * time.Second}}, 1},
		{"before and after the stretch", []string{googleInstance(1*s, 3, 1, 0, .5, .5), googleInstance(2*s, 6, 1, 0, .5, .5), googleInstance(9999*s, 0, 2, 0, .5, .5),
			googleInstance(99999*s, 3, 2, 0, .5, .5), googleInstance(70*s, 3, 3, 0, .5, .5)}, []Task{{At: 10 * time.Second}}, 0},
		{"alloc sets are no tasks", []string{strings.Replace(googleInstance(70*s, 3, 1, 0, .5, .5), ",2,0,0,103", ",2,0,1,103", 1), googleInstance(70*s, 3, 3, 0, .5, .5)},
			[]Task{{At: 10 * time.Second}}, 0},
	} {
		tr := lives(t, o, c.lines...)
		if len(tr.Machines) != 1 || tr.Machines[0].Count != 1 {
			t.Errorf("got machines %v, want the one that is there", tr.Machines)
		}
		for i := range c.want {
			c.want[i].Amount = world.Amount{CPUs: 32, MemMiB: 32768}
		}
		if !reflect.DeepEqual(tr.Tasks, c.want) || tr.Stats.Odd != c.odd {
			t.Errorf("%s: got %+v, %d odd, want %+v, %d", c.name, tr.Tasks, tr.Stats.Odd, c.want, c.odd)
		}
	}
}

// alibabaSample has four machines, two services and jobs of 5 and 3 instances.
func alibabaSample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var ms []string
	for i := range 4 {
		ms = append(ms, fmt.Sprintf("m_%d,0,%d,d,96,100,USING", i, i/2), fmt.Sprintf("m_%d,500,%d,d,96,100,USING", i, i/2))
	}
	put(t, dir, "machine_meta.csv", ms...)
	put(t, dir, "container_meta.csv.gz", "c_1,m_1,900,app_1,started,400,400,1.56", "c_1,m_1,100,app_1,allocated,400,400,1.56", "c_2,m_2,0,app_2,started,800,800,3.13")
	put(t, dir, "batch_task.csv", "M1,5,j_1,1,Terminated,100,160,100,0.5", "R2_1,3,j_1,1,Terminated,160,200,50,0.25", "task_x,1,j_2,12,Waiting,0,0,,")
	return dir
}

func TestAlibabaTasksWithoutTheirInstances(t *testing.T) {
	tr := read(t, "alibaba2018:"+alibabaSample(t), all)
	if len(tr.Machines) != 1 || tr.Machines[0].Count != 4 || tr.Machines[0].CPUs != 96 || tr.Machines[0].MemMiB != 65536 {
		t.Errorf("got machines %v", tr.Machines)
	}
	count := map[string]int{}
	for _, task := range tr.Tasks {
		count[fmt.Sprint(tr.Groups[task.Group], task.At, task.Runs, task.CPUs, int(task.MemMiB))]++
	}
	want := map[string]int{"batch-1 1m40s 1m0s 1 327": 5, "batch-1 2m40s 40s 0.5 163": 3, "online 1m40s 0s 4 1022": 1, "online 0s 0s 8 2051": 1}
	for k, n := range want {
		k = strings.Replace(k, " ", "", 1)
		found := 0
		for got, m := range count {
			if strings.ReplaceAll(got, " ", "") == strings.ReplaceAll(k, " ", "") {
				found = m
			}
		}
		if found != n {
			t.Errorf("got %d of %s, want %d: %v", found, k, n, count)
		}
	}
	if tr.Stats.Odd != 1 {
		t.Errorf("%d are odd, want the task that never ran", tr.Stats.Odd)
	}
}

func TestAlibabaInstancesHaveTheirOwnTimes(t *testing.T) {
	dir := alibabaSample(t)
	put(t, dir, "batch_instance.csv.zst", "i_1,M1,j_1,1,Terminated,110,150,m_1,1,1,60,90,0.1,0.2", "i_2,M1,j_1,1,Failed,0,0,m_1,1,1,,,,", "i_3,nobody,j_9,1,Terminated,1,2,m_1,1,1,,,,")
	tr := read(t, "alibaba2018:"+dir, all)
	batch := 0
	for _, task := range tr.Tasks {
		if tr.Groups[task.Group] == "batch-1" {
			batch++
			if task.At != 110*time.Second || task.Runs != 40*time.Second || task.CPUs != 1 {
				t.Errorf("got %+v", task)
			}
		}
	}
	if batch != 1 || tr.Stats.Odd != 2 {
		t.Errorf("got %d instances and %d odd ones, want 1 and 2", batch, tr.Stats.Odd)
	}
}

func TestBadLinesAreCountedAndTold(t *testing.T) {
	tr := lives(t, all, googleInstance(1, 3, 1, 0, .5, .5), "x,3,1", "", `1,3,1,"open`, strings.Repeat("y", 3*maxLine), googleInstance(1, "DANCE", 1, 1, .5, .5),
		googleInstance(1, 3, 1, 2, .5, .5)+"x", googleInstance(2, 6, 1, 0, .5, .5))
	if tr.Stats.Bad != 5 || len(tr.Tasks) != 1 || tr.Stats.Lines != 12 {
		t.Errorf("got %d bad lines of %d and %d tasks: %v", tr.Stats.Bad, tr.Stats.Lines, len(tr.Tasks), &tr.Stats)
	}
	for i, want := range []string{"instance_events.csv:2: ", "instance_events.csv:4: a quoted field does not end", "instance_events.csv:5: got more than 65536 bytes",
		"instance_events.csv:6: type: got \"DANCE\"", "instance_events.csv:7: text follows a quoted field"} {
		if i < len(tr.Stats.First) && !strings.Contains(tr.Stats.First[i], want) {
			t.Errorf("fault %d is %q, want %q", i, tr.Stats.First[i], want)
		}
	}
}

func TestBoundsHold(t *testing.T) {
	dir := googleSample(t, 3, 10, 500)
	o := all
	o.MaxTasks = 100
	tr := read(t, "google2019:"+dir, o)
	if len(tr.Tasks) > 100 || tr.Stats.Dropped < 4500-600 {
		t.Errorf("got %d tasks, %d dropped; want at most 100, and events beyond 600 of 4500", len(tr.Tasks), tr.Stats.Dropped)
	}
	bad := t.TempDir()
	put(t, bad, "machine_events.csv", "0,1,1,s,1,1,p,0")
	put(t, bad, "instance_events.csv", strings.Split(strings.Repeat("nonsense\n", 30), "\n")...)
	o.MaxBad = 10
	if _, err := Read("google2019:"+bad, o); err == nil || !strings.Contains(err.Error(), "line 11") || !strings.Contains(err.Error(), "want at most 10") {
		t.Errorf("got %v, want an end after too many lines", err)
	}
}

func TestTracesThatCannotBeRead(t *testing.T) {
	empty := t.TempDir()
	for name, want := range map[string]string{
		"google2011:" + empty: "want google2019:DIR or alibaba2018:DIR", "google2019": "want google2019:DIR",
		"google2019:" + empty: "no machine_events", "alibaba2018:" + empty: "no machine_meta",
	} {
		if _, err := Read(name, all); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	for _, o := range []Options{{}, {Part: 2, For: 1}, {Part: 1}, {Part: 1, For: 1, From: -1}, {Part: 1, For: 1, Largest: world.Amount{CPUs: 1}}} {
		if _, err := Read("google2019:"+empty, o); err == nil || !strings.Contains(err.Error(), "want") || strings.Contains(err.Error(), "machine_events") {
			t.Errorf("%+v: got %v", o, err)
		}
	}
	cut := googleSample(t, 1, 5, 5)
	put(t, cut, "broken.csv", "x")
	put(t, cut, "instance_events-9.csv.gz", "not", "read")
	if err := truncate(cut + "/instance_events-9.csv.gz"); err != nil {
		t.Fatal(err)
	}
	if _, err := Read("google2019:"+cut, all); err == nil || !strings.Contains(err.Error(), "instance_events-9.csv.gz") {
		t.Errorf("got %v, want an error that names the file that ends early", err)
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "a,b", `"a,""b""",c`, `"`, `"a"b`, ",,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fields, err := split(s, nil)
		if err == nil && !strings.Contains(s, `"`) && strings.Join(fields, ",") != s {
			t.Errorf("%q became %q", s, fields)
		}
	})
}

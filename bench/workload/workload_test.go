package workload

import (
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/bench/world"
)

func TestEveryExampleIsAWorkload(t *testing.T) {
	names := ExampleNames()
	if len(names) < 5 {
		t.Errorf("got %v, want at least five examples", names)
	}
	for _, name := range names {
		w, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if s, n, err := w.Shape(); err != nil || s.Size() == 0 || n == 0 {
			t.Errorf("%s: its fleet has %d agents: %v", name, n, err)
		}
	}
	if _, err := Load("nothing"); err == nil || !strings.Contains(err.Error(), "drf") {
		t.Errorf("got %v, want an error that names the examples", err)
	}
	if _, err := Load("./nothing.toml"); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestKindsFillInWhatIsNotSaid(t *testing.T) {
	w, err := Parse("f", []byte(`
[fleet]
agents = 10
[[frameworks]]
kind = "service"
[[frameworks]]
kind = "picky"
name = "p"
cpus = 3
mem_mib = 5
task_time = "2s"
takes = 0.5
`))
	if err != nil {
		t.Fatal(err)
	}
	if g := w.Groups[0]; !g.Endless || g.Tasks != 20 || g.Role != "service" || g.Count != 1 || g.CPUs != 1 || *g.Takes != 1 {
		t.Errorf("the service is %+v", g)
	}
	if g := w.Groups[1]; g.Endless || g.Tasks != 0 || g.Role != "p" || g.CPUs != 3 || *g.Takes != .5 || *g.Spread != .5 {
		t.Errorf("the picky one is %+v", g)
	}
	if w.Fleet.Shape != "plain" || w.Seed != 1 || len(w.Phases) != 2 || !w.Phases[0].Uncounted {
		t.Errorf("got %+v", w)
	}
}

func TestEveryFaultIsToldWithItsLine(t *testing.T) {
	for want, text := range map[string]string{
		"f:2: nonsense: there is no such field":                                     "\nnonsense = 1",
		"f:3: fleet.agents":                                                         "[fleet]\nshape=\"plain\"\nagents = \"x\"",
		"f:2: fleet.shape: got \"round\", want plain":                               "[fleet]\nshape=\"round\"",
		"f:2: fleet.agents: got 300000, want 1 to 200000":                           "[fleet]\nagents=300000",
		"f:4: frameworks[1].kind: got \"odd\", want service, batch":                 "[[frameworks]]\nkind=\"batch\"\n[[frameworks]]\nkind = \"odd\"",
		"f:3: frameworks[0].task_time: got 1ms, want 10ms to 24h":                   "[[frameworks]]\nkind=\"batch\"\ntask_time=\"1ms\"",
		"got \"soon\", want a duration such as 30s":                                 "[[frameworks]]\nkind=\"batch\"\ntask_time=\"soon\"",
		"f:1: frameworks[0].cpus: got 0, want 0.001 to":                             "[[frameworks]]\nkind=\"batch\"\nmem_mib=3",
		"f:3: frameworks[1].name: \"batch\" is taken":                               "[[frameworks]]\nkind=\"batch\"\n[[frameworks]]\nkind=\"batch\"",
		"f:3: frameworks[0].phases: got \"x\" at position 1, want the name of one":  "[[frameworks]]\nkind=\"batch\"\nphases=[\"x\"]",
		"f:4: phases[0].time: got 2h0m0s, want more than 0":                         "[[frameworks]]\nkind=\"batch\"\n[[phases]]\ntime=\"2h\"\nname=\"p\"",
		"f:1: frameworks: got none":                                                 "seed = 3",
		"f:3: fleet.machines[0].count: got 0, want 1 to":                            "[[fleet.machines]]\nresources=\"cpus:1;mem:1\"\ncount=0",
		"f:1: fleet.machines[0]: resources \"cpus:1\": want cpus and mem":           "[[fleet.machines]]\nresources=\"cpus:1\"\ncount=1",
		"f:3: roles[0].guarantee:":                                                  "[[roles]]\nname=\"r\"\nguarantee=\"lots\"",
		"f:2: frameworks[0].count: got 6000, want 1 to 5000":                        "[[frameworks]]\ncount=6000\nkind=\"batch\"",
		"f:5: fleet.agents: got 5 beside [[fleet.machines]]":                        "[[fleet.machines]]\ncount=1\nresources=\"cpus:1;mem:1\"\n[fleet]\nagents=5",
		"f:4: frameworks[0].task_time: got 1s for tasks that are endless, want one": "[[frameworks]]\nkind=\"service\"\nendless=true\ntask_time=\"1s\"",
	} {
		_, err := Parse("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// Whatever the seed, a random workload is a sound one, equal to that of the same
// seed, and survives the way through a file.
func TestASeedIsAWorkload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Int64Range(0, math.MaxInt64-1).Draw(t, "seed")
		agents, frameworks := rapid.IntRange(1, world.MaxAgents).Draw(t, "agents"), rapid.IntRange(1, MaxFrameworks).Draw(t, "frameworks")
		w := Random(seed, agents, frameworks)
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(w, Random(seed, agents, frameworks)) {
			t.Fatal("the same seed made another workload")
		}
		if reflect.DeepEqual(w.Groups, Random(seed+1, agents, frameworks).Groups) && reflect.DeepEqual(w.Fleet, Random(seed+1, agents, frameworks).Fleet) {
			t.Fatal("another seed made the same workload")
		}
		text, err := w.TOML()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse("f", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !reflect.DeepEqual(w, back) {
			t.Fatalf("got %+v back, want %+v", back, w)
		}
		count := 0
		for _, g := range w.Groups {
			count += g.Count
		}
		if _, n, err := w.Shape(); err != nil || n != agents || count != frameworks {
			t.Fatalf("got %d agents and %d frameworks, want %d and %d (%v)", n, count, agents, frameworks, err)
		}
	})
}

func equalWeights(string) float64 { return 1 }

func TestFairSharesOfTheDRFPaper(t *testing.T) {
	total := world.Amount{CPUs: 9, MemMiB: 18}
	a := Claim{"a", world.Amount{CPUs: 1, MemMiB: 4}, math.Inf(1)}
	b := Claim{"b", world.Amount{CPUs: 3, MemMiB: 1}, math.Inf(1)}
	for _, c := range []struct {
		name   string
		claims []Claim
		weight func(string) float64
		want   map[string]float64
	}{
		{"its example", []Claim{a, b}, equalWeights, map[string]float64{"a": 2. / 3, "b": 2. / 3}},
		{"alone", []Claim{a}, equalWeights, map[string]float64{"a": 1}},
		{"content with one task", []Claim{{"a", a.Task, 1}, b}, equalWeights, map[string]float64{"a": 4. / 18, "b": 8. / 9}},
		{"who wants nothing", []Claim{{"a", a.Task, 0}, b}, equalWeights, map[string]float64{"a": 0, "b": 1}},
		// 2x CPUs of a's tasks at 4/18 each, x of b's at 1/3: 9x + 3x = 9 CPUs, 36x·… the memory binds first.
		{"weights", []Claim{a, b}, func(r string) float64 { return map[string]float64{"a": 2, "b": 1}[r] },
			map[string]float64{"a": 36. / 39, "b": 18. / 39}},
		{"two claims of a role share its part", []Claim{a, a, b}, equalWeights, map[string]float64{"a": 2. / 3, "b": 2. / 3}},
		{"no machine has what is needed", []Claim{{"a", world.Amount{GPUs: 1}, math.Inf(1)}}, equalWeights, map[string]float64{"a": 0}},
	} {
		got := Fair(total, c.claims, c.weight)
		for role, want := range c.want {
			if math.Abs(got[role]-want) > 1e-6 {
				t.Errorf("%s: %s has %v, want %v", c.name, role, got[role], want)
			}
		}
	}
}

// Whatever is claimed, nobody could have more without another's having less: no
// resource is overdrawn, and each role has all it wants or needs one that is used up.
func TestFairSharesWasteNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := world.Amount{CPUs: 100, MemMiB: 1000, GPUs: 10}
		var claims []Claim
		for i := range rapid.IntRange(1, 6).Draw(t, "claims") {
			claims = append(claims, Claim{Role: string(rune('a' + i)), Tasks: float64(rapid.IntRange(0, 200).Draw(t, "tasks")), Task: world.Amount{
				CPUs: float64(rapid.IntRange(1, 10).Draw(t, "cpus")), MemMiB: float64(rapid.IntRange(1, 100).Draw(t, "mem")), GPUs: float64(rapid.IntRange(0, 2).Draw(t, "gpus"))}})
		}
		shares := Fair(total, claims, equalWeights)
		var use world.Amount
		for _, c := range claims {
			use = use.Plus(c.Task, shares[c.Role]/c.Task.DominantShare(total))
		}
		if !total.Holds(use) {
			t.Fatalf("%v is given away of %v", use, total)
		}
		for _, c := range claims {
			n := shares[c.Role] / c.Task.DominantShare(total)
			if n < c.Tasks-1e-3 && total.Plus(use, -1).Holds(c.Task.Plus(c.Task, -.99)) {
				t.Fatalf("%+v has %v tasks and there is room for more", c, n)
			}
		}
	})
}

// The guide shows every field there is, and names all kinds, shapes and examples.
func TestGuideIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/bench.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := string(text)
	_, snippet, _ := strings.Cut(guide, "```toml\n")
	snippet, _, _ = strings.Cut(snippet, "```")
	_, err = Parse("guide", []byte(snippet))
	want := []string{"fleet.shape: got \"racks\" and [[fleet.machines]], want one of them"}
	if err == nil || !strings.HasSuffix(err.Error(), want[0]) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want no fault but that both ways to say machines are shown", err)
	}
	var fields func(reflect.Type)
	fields = func(typ reflect.Type) {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("toml"), ",")
			if !strings.Contains(snippet, name+" =") && !strings.Contains(snippet, name+"]") && !strings.Contains(snippet, "["+name) && !strings.Contains(snippet, "."+name) {
				t.Errorf("the guide does not show %s", name)
			}
			if f := typ.Field(i).Type; f.Kind() == reflect.Struct {
				fields(f)
			} else if f.Kind() == reflect.Slice && f.Elem().Kind() == reflect.Struct {
				fields(f.Elem())
			}
		}
	}
	fields(reflect.TypeFor[Workload]())
	for _, name := range slices.Concat(KindNames(), world.ShapeNames(), ExampleNames()) {
		if !strings.Contains(guide, "`"+name+"`") {
			t.Errorf("the guide does not name %s", name)
		}
	}
}

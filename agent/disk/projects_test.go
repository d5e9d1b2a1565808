package disk

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation/quota"
	"github.com/caprock/caprock/isolation/quota/quotatest"
)

func TestRangesOfProjects(t *testing.T) {
	for text, want := range map[string][]Range{
		"[5000-10000]": {{5000, 10000}}, "[7-7]": {{7, 7}}, "[20-30,1-9]": {{1, 9}, {20, 30}},
		"[1-4294967295]": {{1, 4294967295}},
		"":               nil, "[0-7]": nil, "[1-4294967296]": nil, "12": nil, "{a,b}": nil, "[a-b]": nil,
	} {
		got, err := ParseRange(text)
		if !reflect.DeepEqual(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "xfs_project_range") {
			t.Errorf("%q: got %v, want the flag named", text, err)
		}
	}
}

func TestPoolGivesTheLowestThatIsFit(t *testing.T) {
	p := newPool([]Range{{3, 5}, {9, 9}})
	fit := func(id uint32) (bool, error) { return id != 4, nil }
	for _, want := range []uint32{3, 5, 9} {
		id, err := p.lowest(fit)
		if err != nil || id != want {
			t.Fatalf("got %d, %v; want %d", id, err, want)
		}
		p.take(id, fmt.Sprint(id))
	}
	if id, err := p.lowest(fit); err == nil {
		t.Errorf("got %d of none", id)
	}
	p.take(77, "of another range")
	if p.total() != 4 || p.used != 3 {
		t.Errorf("got %d used of %d", p.used, p.total())
	}
	p.giveBack(77)
	p.giveBack(5)
	if id, err := p.lowest(fit); err != nil || id != 5 || p.used != 2 || p.ids["5"] != 0 {
		t.Errorf("got %d, %v, %d used", id, err, p.used)
	}
	bad := errors.New("no answer")
	if _, err := p.lowest(func(uint32) (bool, error) { return true, bad }); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
}

// An agent that is killed between any two steps leaves nothing that the next one does not
// find: no id is in use twice, and none stays in use, with its limits, once its
// directory is gone.
func TestProjectsKilledBetweenAnyTwoSteps(t *testing.T) {
	dir, err := quotatest.Dir(t)
	if err != nil {
		t.Skipf("SKIP-ENV: no XFS with project quotas: %v", err)
	}
	box := &core.DiskBox{ID: "c", Directory: filepath.Join(dir, "slaves/a/frameworks/f/executors/e/runs/c"), QuotaBytes: 1 << 20, Enforced: true,
		Volumes: []core.DiskVolume{{Path: filepath.Join(dir, "volumes/roles/r/v"), QuotaBytes: 2 << 20, Enforced: true}}}
	alone := &core.DiskBox{ID: "s", Directory: filepath.Join(dir, "containers/s")}
	killed := errors.New("killed")
	// life is that of an agent up to a step; it returns which that was.
	life := func(last int, run func(*Projects)) (died string) {
		n := 0
		p := open(t, dir, func(what string) {
			if n == last {
				died = what
				panic(killed)
			}
			n++
		})
		defer p.Close()
		defer func() {
			if x := recover(); x != nil && x != killed {
				panic(x)
			}
		}()
		run(p)
		return ""
	}
	var steps []string
	for step := 0; ; step++ {
		for _, d := range []string{box.Directory, box.Volumes[0].Path, alone.Directory} {
			write(t, filepath.Join(d, "f"), 10_000)
		}
		died := life(step, func(p *Projects) {
			must(t, p.Recover(nil))
			must(t, p.Hold(box))
			must(t, p.Hold(alone))
			remove(t, dir, "slaves", "volumes", "containers")
			p.Forget("c")
			p.Forget("s")
			settle(t, p)
		})
		if died == "" {
			break
		}
		steps = append(steps, died)
		// The next agent takes up the container, if it got that far, and sees to its end.
		life(-1, func(p *Projects) {
			var live []core.DiskBox
			if _, err := os.Stat(box.Directory); err == nil {
				live = append(live, *box)
			}
			must(t, p.Recover(live))
			if len(live) > 0 {
				if u, ok := p.Used("c"); !ok || u.SandboxBytes < 10_000 || u.QuotaBytes != 1<<20 || len(u.Volumes) != 1 || u.Volumes[0].UsedBytes < 10_000 {
					t.Errorf("step %d, %s: got %+v, %t", step, died, u, ok)
				}
				seen := map[uint32]string{}
				for id, of := range p.pool.owners {
					if now, err := projectOf(of); err != nil || now != id || seen[id] != "" {
						t.Errorf("step %d, %s: %s has project %d, %v; want %d", step, died, of, now, err, id)
					}
					seen[id] = of
				}
			}
			remove(t, dir, "slaves", "volumes", "containers")
			settle(t, p)
			for id := uint32(8000); id <= 8009; id++ {
				if q, err := p.systems[0].Read(id); err != nil || !q.Idle() {
					t.Errorf("step %d, %s: project %d: %+v, %v", step, died, id, q, err)
				}
			}
		})
	}
	if got := strings.Join(steps, " "); got != "limit assign limit assign limit assign lift lift lift" {
		t.Errorf("agents died at %s", got)
	}
}

func open(t *testing.T, dir string, step func(string)) *Projects {
	t.Helper()
	p, err := OpenProjects(ProjectOptions{WorkDir: dir, Ranges: []Range{{8000, 8009}}, Enforce: true,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Step: step})
	must(t, err)
	return p
}

// settle takes ids back until all are; the kernel frees what was removed a moment later.
func settle(t *testing.T, p *Projects) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		p.Reclaim()
		if total, free := p.Count(); free == total {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("ids are left: %v", p.pool.owners)
		}
	}
}

func remove(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, os.RemoveAll(filepath.Join(dir, name)))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What carries an id already, and is not the agent's, keeps it for itself.
func TestIDsOfOthersAreLeftAlone(t *testing.T) {
	dir, err := quotatest.Dir(t)
	if err != nil {
		t.Skipf("SKIP-ENV: no XFS with project quotas: %v", err)
	}
	write(t, filepath.Join(dir, "theirs/f"), 10_000)
	theirs, err := openDir(filepath.Join(dir, "theirs"))
	must(t, err)
	defer theirs.Close()
	must(t, quota.Assign(theirs, 8000))
	p := open(t, dir, nil)
	defer p.Close()
	must(t, p.Recover(nil))
	one := filepath.Join(dir, "containers/one")
	write(t, filepath.Join(one, "f"), 10)
	must(t, p.Hold(&core.DiskBox{ID: "one", Directory: one}))
	if id, err := projectOf(one); err != nil || id != 8001 {
		t.Errorf("got project %d, %v; want the next", id, err)
	}
}

package seccomp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// run is what the kernel makes of a filter.
func run(t *testing.T, f []unix.SockFilter, arch, nr uint32, args [6]uint64) uint32 {
	t.Helper()
	var data [64]byte
	binary.LittleEndian.PutUint32(data[0:], nr)
	binary.LittleEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.LittleEndian.PutUint64(data[16+8*i:], a)
	}
	var acc uint32
	for pc := 0; pc < len(f); pc++ {
		in := f[pc]
		jump := func(holds bool) {
			if holds {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		}
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = binary.LittleEndian.Uint32(data[in.K:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= in.K
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			jump(acc == in.K)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			jump(acc > in.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			jump(acc >= in.K)
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		default:
			t.Fatalf("instruction %d: %+v", pc, in)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

// verdict is the rule of doc.go, word by word.
func (p *Profile) verdict(name string, args [6]uint64, bounding uint64) uint32 {
	for _, r := range p.rules {
		if r.needs&^bounding != 0 || r.unless&bounding != 0 {
			continue
		}
		for _, n := range r.names {
			if n == name && r.matches(args) {
				return r.action
			}
		}
	}
	return p.fallback
}

func (r *rule) matches(args [6]uint64) bool {
	for _, c := range r.args {
		a := args[c.index]
		if !map[string]bool{"SCMP_CMP_NE": a != c.value, "SCMP_CMP_LT": a < c.value, "SCMP_CMP_LE": a <= c.value, "SCMP_CMP_EQ": a == c.value,
			"SCMP_CMP_GE": a >= c.value, "SCMP_CMP_GT": a > c.value, "SCMP_CMP_MASKED_EQ": a&c.value == c.second}[c.op] {
			return false
		}
	}
	return true
}

// Whatever a profile says, its filter says the same.
func TestFiltersDoWhatProfilesSay(t *testing.T) {
	if len(native) < 300 || archName == "amd64" && len(ia32) < 300 {
		t.Fatalf("the tables have %d and %d calls", len(native), len(ia32))
	}
	names := []string{"read", "write", "open", "openat", "clone", "ioctl", "personality", "socket", "kill", "mount", "nosuchcall"}
	ops := []string{"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"}
	verbs := []string{"ALLOW", "ERRNO", "KILL", "LOG", "TRAP"}
	rng := rand.New(rand.NewPCG(1, 2))
	interesting := []uint64{0, 1, 2, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<63 | 1, ^uint64(0), 0x7e020000}
	pick := func() uint64 { return interesting[rng.IntN(len(interesting))] }
	for range 400 {
		var rules []string
		for range rng.IntN(12) {
			var args, list []string
			for range rng.IntN(3) {
				args = append(args, fmt.Sprintf(`{"index":%d,"value":%d,"valueTwo":%d,"op":"SCMP_CMP_%s"}`, rng.IntN(3), pick(), pick(), ops[rng.IntN(len(ops))]))
			}
			for range 1 + rng.IntN(3) {
				list = append(list, `"`+names[rng.IntN(len(names))]+`"`)
			}
			conditions := ""
			switch rng.IntN(4) {
			case 0:
				conditions = `,"includes":{"caps":["CAP_SYS_ADMIN"]},"excludes":{}`
			case 1:
				conditions = `,"excludes":{"caps":["CAP_SYS_ADMIN","CAP_KILL"]},"includes":{}`
			}
			rules = append(rules, fmt.Sprintf(`{"names":[%s],"action":"SCMP_ACT_%s","args":[%s]%s}`,
				strings.Join(list, ","), verbs[rng.IntN(len(verbs))], strings.Join(args, ","), conditions))
		}
		archs := []string{`[]`, `["SCMP_ARCH_X86"]`, `["SCMP_ARCH_X32"]`}[rng.IntN(3)]
		fallback := verbs[rng.IntN(len(verbs))] + `"`
		if fallback == `ERRNO"` {
			fallback += `,"defaultErrnoRet":1`
		}
		text := fmt.Sprintf(`{"defaultAction":"SCMP_ACT_%s,"archMap":[{"architecture":%q,"subArchitectures":%s}],"syscalls":[%s]}`,
			fallback, archToken, archs, strings.Join(rules, ",\n"))
		p, err := Parse("test", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		bounding := []uint64{0, 1 << unix.CAP_KILL, 1 << unix.CAP_SYS_ADMIN, ^uint64(0)}[rng.IntN(4)]
		f := p.Filter(bounding)
		for range 200 {
			name, args := names[rng.IntN(len(names)-1)], [6]uint64{pick(), pick(), pick()}
			want := p.verdict(name, args, bounding)
			if nr, ok := native[name]; ok {
				if got := run(t, f, auditArch, nr, args); got != want {
					t.Fatalf("%s%x: got %#x, want %#x\n%s", name, args, got, want, text)
				}
				if archName == "amd64" {
					if !p.x32 {
						want = unix.SECCOMP_RET_KILL_PROCESS
					}
					if got := run(t, f, auditArch, x32Bit|nr, args); got != want {
						t.Fatalf("x32 %s%x: got %#x, want %#x\n%s", name, args, got, want, text)
					}
				}
			}
			if nr, ok := ia32[name]; ok {
				want := p.verdict(name, args, bounding)
				if !p.ia32 {
					want = unix.SECCOMP_RET_KILL_PROCESS
				}
				if got := run(t, f, auditIA32, nr, args); got != want {
					t.Fatalf("ia32 %s%x: got %#x, want %#x\n%s", name, args, got, want, text)
				}
			}
		}
	}
}

// What is newer than a profile does not exist, or threads would be refused by one that
// was written before clone3.
func TestCallsNewerThanTheProfile(t *testing.T) {
	const enosys, eperm = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS), unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	for action, want := range map[string]uint32{`"SCMP_ACT_ERRNO"`: enosys, `"SCMP_ACT_ERRNO","defaultErrnoRet":13`: unix.SECCOMP_RET_ERRNO | 13,
		`"SCMP_ACT_ALLOW"`: unix.SECCOMP_RET_ALLOW, `"SCMP_ACT_KILL"`: unix.SECCOMP_RET_KILL_THREAD} {
		p, err := Parse("test", []byte(`{"defaultAction":`+action+`,"syscalls":[{"names":["read","statx"],"action":"SCMP_ACT_ALLOW"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, p.Filter(0), auditArch, native["clone3"], [6]uint64{}); got != want {
			t.Errorf("%s: clone3 gets %#x, want %#x", action, got, want)
		}
		if got := run(t, p.Filter(0), auditArch, native["mount"], [6]uint64{}); want == enosys && got != eperm {
			t.Errorf("%s: mount gets %#x, want %#x", action, got, eperm)
		}
	}
}

func TestConditionsOnTheMachine(t *testing.T) {
	p, err := Parse("test", []byte(`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[
		{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64","arm64"]},"args":null},
		{"names":["write"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["s390x"]}},
		{"names":["close"],"action":"SCMP_ACT_ALLOW","excludes":{"arches":["amd64","arm64"]}},
		{"names":["getpid"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"3.2"}},
		{"names":["getppid"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"99.0"}},
		{"name":"mmap","action":"SCMP_ACT_ERRNO","errnoRet":22,"comment":"old form"},
		{"names":["arm_fadvise64_64","read"],"action":"SCMP_ACT_KILL_PROCESS"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Unknown) != 1 || p.Unknown[0] != "arm_fadvise64_64" {
		t.Errorf("unknown calls: got %q, want that of ARM", p.Unknown)
	}
	f := p.Filter(0)
	const enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	for name, want := range map[string]uint32{"read": unix.SECCOMP_RET_ALLOW, "write": enosys, "close": enosys,
		"getpid": unix.SECCOMP_RET_ALLOW, "getppid": enosys, "mmap": unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)} {
		if got := run(t, f, auditArch, native[name], [6]uint64{}); got != want {
			t.Errorf("%s: got %#x, want %#x", name, got, want)
		}
	}
}

func TestFaultsOfProfilesHaveTheirLine(t *testing.T) {
	const head = "{\n\"defaultAction\": \"SCMP_ACT_ERRNO\",\n"
	for text, want := range map[string]string{
		"":   "p.json:1: the document ends too early",
		"[]": "p.json:1: got an array, want an object",
		"{\n\"defaultAction\": \"ALLOW\", \"syscalls\": []}":                                  `p.json:2: got action "ALLOW", want SCMP_ACT_ALLOW`,
		"{\n\"syscalls\": []}":                                                                "got no defaultAction",
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\"\n}":                                           "got no syscalls",
		head + "\"syscalls\": [\n,]}":                                                         "p.json:4: invalid character",
		head + "\"syscalls\": [\n{\"names\": [\"a\"":                                          "p.json:4: the document ends too early",
		head + "\"syscals\": []}":                                                             `p.json:3: got a field "syscals"`,
		head + "\"syscalls\": [],\n\"syscalls\": []}":                                         `p.json:4: "syscalls" is given twice`,
		head + "\"syscalls\": [\n{\"names\": [], \"action\": \"SCMP_ACT_ALLOW\"}]}":           "p.json:4: got a rule without names",
		head + "\"syscalls\": [{\"names\": [\"read\"]}]}":                                     "p.json:3: got a rule for read without an action",
		head + "\"syscalls\": [{\"names\": [\"read\"],\n\n\"action\": \"SCMP_ACT_NOTIFY\"}]}": `p.json:5: got action "SCMP_ACT_NOTIFY"`,
		head + "\"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\",\n\"args\": [{\"index\": 6}]}]}":                "p.json:4: got 6, want a whole number from 0 to 5",
		head + "\"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\",\n\"args\": [{\"index\": 1, \"value\": -1}]}]}": "p.json:4: got -1, want a whole number",
		head + "\"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\",\n\"args\": [{\"index\": 1, \"value\": 1}]}]}":  "p.json:4: got an argument without op",
		head + "\"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\",\n\"errnoRet\": 1}]}":                           "p.json:4: got an error number for action SCMP_ACT_ALLOW",
		head + "\"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\",\n\"includes\": {\"caps\": [\"CAP_FLY\"]}}]}":   `p.json:4: got capability "CAP_FLY"`,
		head + "\"archMap\": [\n{\"architecture\": \"X86\"}], \"syscalls\": []}":                                                      `p.json:4: got architecture "X86"`,
		head + "\"syscalls\": []} {}": "p.json:3: got more than one JSON value",
	} {
		if _, err := Parse("p.json", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q", text, err, want)
		}
	}
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, make([]byte, maxProfileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "want at most", filepath.Dir(file): "not a regular file", file + "x": "no such file"} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("fuzz", text)
		if err == nil {
			run(t, p.Filter(0), auditArch, 1, [6]uint64{})
		}
	})
}

// The committed tables are those of the module that they were made of.
func TestTablesAreGenerated(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(".", "testdata-regenerate-") // it wants to be in the module
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c := exec.Command("sh", filepath.Join(here, "tables.sh"))
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tables, err := filepath.Glob("table_*.go")
	if err != nil || len(tables) != 3 {
		t.Fatalf("got %q, %v; want three tables", tables, err)
	}
	for _, name := range tables {
		got, err1 := os.ReadFile(name)
		want, err2 := os.ReadFile(filepath.Join(dir, name))
		if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what tables.sh makes: run go generate ./isolation/seccomp", name)
		}
	}
}

package resource_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// message reads a resource message in the text format of protobuf.
func message(t testing.TB, text string) *mesos.Resource {
	t.Helper()
	m := &mesos.Resource{}
	if err := (prototext.UnmarshalOptions{AllowPartial: true}).Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// read is FromProto of one message in the text format.
func read(t testing.TB, text string) (resource.Resources, error) {
	t.Helper()
	return resource.FromProto([]*mesos.Resource{message(t, text)})
}

func mustRead(t testing.TB, texts ...string) resource.Resources {
	t.Helper()
	var sum resource.Resources
	for _, text := range texts {
		rs, err := read(t, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		sum = sum.Plus(rs)
	}
	return sum
}

const (
	cpus = `name: "cpus" type: SCALAR scalar { value: 1 } `
	disk = `name: "disk" type: SCALAR scalar { value: 1 } `
	reR  = `reservations { type: DYNAMIC role: "r" } `
)

// TestValidation has one line per rule. An empty wanted text means that the message is valid.
func TestValidation(t *testing.T) {
	for _, c := range []struct{ message, wantErr string }{
		{cpus, ""},
		{`name: "" type: SCALAR scalar { value: 1 }`, "name is empty"},
		{`name: "x" type: TEXT`, "type TEXT"},
		{`name: "x" type: 77`, "type 77"},
		{`name: "x" type: SCALAR`, "needs scalar and nothing else"},
		{cpus + `set {}`, "needs scalar and nothing else"},
		{`name: "x" type: RANGES`, "needs ranges and nothing else"},
		{`name: "x" type: RANGES ranges {} scalar { value: 1 }`, "needs ranges and nothing else"},
		{`name: "x" type: SET ranges {}`, "needs set and nothing else"},
		{`name: "x" type: SCALAR scalar { value: 0 }`, ""},
		{`name: "x" type: SCALAR scalar { value: -0.0 }`, ""},
		{`name: "x" type: SCALAR scalar { value: 0.001 }`, ""},
		{`name: "x" type: SCALAR scalar { value: 0.0005 }`, ""},
		{`name: "x" type: SCALAR scalar { value: 0.0004 }`, "not above zero"},
		{`name: "x" type: SCALAR scalar { value: -1 }`, "not above zero"},
		{`name: "x" type: SCALAR scalar { value: nan }`, "not a number"},
		{`name: "x" type: SCALAR scalar { value: inf }`, "not a number"},
		{`name: "x" type: SCALAR scalar { value: 1e17 }`, "not a number of at most 9223372036854775"},
		{`name: "x" type: RANGES ranges { range { begin: 1 end: 5 } range { begin: 6 end: 9 } }`, ""},
		{`name: "x" type: RANGES ranges { range { begin: 5 end: 1 } }`, "5-1 begins after its end"},
		{`name: "x" type: RANGES ranges { range { begin: 1 end: 5 } range { begin: 5 end: 9 } }`, "1-5 and 5-9 overlap"},
		{`name: "x" type: RANGES ranges { range { begin: 5 end: 9 } range { begin: 1 end: 6 } }`, "1-6 and 5-9 overlap"},
		{`name: "x" type: SET set { item: "a" item: "b" }`, ""},
		{`name: "x" type: SET set { item: "a" item: "b" item: "a" }`, `"a" occurs twice`},

		{cpus + `disk {}`, `disk must not be set for "cpus"`},
		{`name: "disk" type: RANGES ranges {} disk {}`, "only for SCALAR"},
		{disk + `disk { source { type: MOUNT mount { root: "/m" } } }`, ""},
		{disk + `disk { source { type: PATH } }`, ""},
		{disk + `disk { source { type: BLOCK id: "b" } }`, ""},
		{disk + `disk { source { type: BLOCK mount {} } }`, "BLOCK must have neither mount nor path"},
		{disk + `disk { source { type: RAW path {} } }`, "RAW must have neither mount nor path"},
		{disk + `disk { source { type: UNKNOWN } }`, "UNKNOWN is not supported"},
		{disk + `disk { source {} }`, "type"},
		{disk + reR + `disk { persistence {} }`, "id"},

		{cpus + `role: "*"`, ""},
		{cpus + `role: "r"`, ""},
		{cpus + `role: ""`, "role name is empty"},
		{cpus + `role: "a//b"`, "slash"},
		{cpus + `role: "r" reservation {}`, ""},
		{cpus + `role: "r" reservation { type: DYNAMIC }`, "reservation.type must not be set"},
		{cpus + `role: "r" reservation { role: "r" }`, "reservation.role must not be set"},
		{cpus + `role: "*" reservation {}`, `"*" cannot be dynamically reserved`},
		{cpus + `reservation {}`, `"*" cannot be dynamically reserved`},

		{cpus + reR, ""},
		{cpus + `reservations { role: "r" }`, "without type"},
		{cpus + `reservations { type: UNKNOWN role: "r" }`, "UNKNOWN"},
		{cpus + `reservations { type: STATIC }`, "without role"},
		{cpus + `reservations { type: STATIC role: "*" }`, `"*" cannot be reserved`},
		{cpus + `reservations { type: STATIC role: "-r" }`, "dash"},
		{cpus + reR + `reservations { type: DYNAMIC role: "r/s" }`, ""},
		{cpus + reR + `reservations { type: STATIC role: "r/s" }`, "must be DYNAMIC"},
		{cpus + reR + `reservations { type: DYNAMIC role: "r" }`, `"r" does not refine "r"`},
		{cpus + reR + `reservations { type: DYNAMIC role: "rs" }`, `"rs" does not refine "r"`},
		{cpus + reR + `role: "r" reservation {}`, ""},
		{cpus + reR + `role: "s" reservation {}`, `role "s" does not match role "r"`},
		{cpus + reR + `role: "r"`, "must be set together"},
		{cpus + reR + `reservation {}`, "must be set together"},
		{cpus + reR + `role: "r" reservation { principal: "p" }`, `principal "p" does not match ""`},
		{cpus + reR + `role: "r" reservation { labels { labels { key: "k" } } }`, "labels do not match"},
		{cpus + reR + `role: "r" reservation { labels { } }`, ""},
		{cpus + `reservations { type: STATIC role: "r" } role: "r"`, ""},
		{cpus + `reservations { type: STATIC role: "r" } role: "r" reservation {}`, "beside a static reservation"},
		{cpus + reR + `reservations { type: DYNAMIC role: "r/s" } role: "r"`, "more than one entry"},
		{cpus + reR + `reservations { type: DYNAMIC role: "r/s" } reservation {}`, "more than one entry"},

		{cpus + `shared {}`, `"cpus" cannot be shared`},
		{disk + `shared {}`, `"disk" cannot be shared`},
		{disk + reR + `disk { persistence { id: "v" } } shared {}`, ""},
	} {
		_, err := read(t, c.message)
		switch {
		case c.wantErr == "" && err != nil:
			t.Errorf("%s: %v", c.message, err)
		case c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)):
			t.Errorf("%s: got error %v, want %q", c.message, err, c.wantErr)
		}
	}
}

// What has been refused once must be refused again: the intern table holds nothing invalid.
func TestInvalidKindsAreNotInterned(t *testing.T) {
	before := resource.InternedKinds()
	for range 3 {
		if _, err := read(t, `name: "never" type: SCALAR scalar { value: 1 } role: "a//b"`); err == nil {
			t.Fatal("an invalid role was accepted")
		}
	}
	if after := resource.InternedKinds(); after > before {
		t.Fatalf("the intern table grew from %d to %d", before, after)
	}
}

func TestRulesForUse(t *testing.T) {
	volume := disk + reR + `disk { persistence { id: "v" } volume { container_path: "p" mode: RW } } `
	for _, c := range []struct {
		messages []string
		rule     func(resource.Resources) error
		wantErr  string
	}{
		{[]string{`name: "gpus" type: SCALAR scalar { value: 2 }`}, resource.Resources.Validate, ""},
		{[]string{`name: "gpus" type: SCALAR scalar { value: 1.5 }`}, resource.Resources.Validate, "gpus are 1.5"},
		{[]string{volume}, resource.Resources.Validate, ""},
		{[]string{volume + `revocable {}`}, resource.Resources.Validate, "cannot be revocable"},
		{[]string{disk + `disk { persistence { id: "v" } volume { container_path: "p" mode: RW } }`}, resource.Resources.Validate, "must be reserved"},
		{[]string{disk + reR + `disk { persistence { id: "v" } }`}, resource.Resources.Validate, "without volume"},
		{[]string{disk + reR + `disk { persistence { id: "v" } volume { container_path: "p" mode: RW host_path: "h" } }`}, resource.Resources.Validate, "host_path"},
		{[]string{disk + reR + `disk { persistence { id: "a/b" } volume { container_path: "p" mode: RW } }`}, resource.Resources.Validate, "invalid character"},
		{[]string{disk + `disk { volume { container_path: "p" mode: RW } }`}, resource.Resources.Validate, "without persistence"},
		{[]string{disk + `disk {}`}, resource.Resources.Validate, "neither persistence, volume nor source"},
		{[]string{cpus + reR + `revocable {}`}, resource.Resources.Validate, "revocable and cannot be dynamically reserved"},

		{[]string{volume, volume}, resource.Resources.ValidateUniquePersistenceIDs, `"v" is not unique in role "r"`},
		{[]string{volume, strings.ReplaceAll(volume, `"r"`, `"s"`)}, resource.Resources.ValidateUniquePersistenceIDs, ""},
		{[]string{cpus, cpus + `revocable {}`}, resource.Resources.ValidateNoRevocableMix, `"cpus"`},
		{[]string{cpus, disk + `revocable {}`}, resource.Resources.ValidateNoRevocableMix, ""},
		{[]string{cpus}, resource.Resources.ValidateAllocatedToSingleRole, "not allocated"},
		{[]string{cpus + `allocation_info {}`}, resource.Resources.ValidateAllocatedToSingleRole, "not allocated"},
		{[]string{cpus + `allocation_info { role: "a" }`, disk + `allocation_info { role: "b" }`}, resource.Resources.ValidateAllocatedToSingleRole, `"a" and "b"`},
		{[]string{cpus + `allocation_info { role: "a" }`, disk + `allocation_info { role: "a" }`}, resource.Resources.ValidateAllocatedToSingleRole, ""},
		{nil, resource.Resources.ValidateSingleProvider, "no resources"},
		{[]string{cpus, disk}, resource.Resources.ValidateSingleProvider, ""},
		{[]string{cpus, disk + `provider_id { value: "p" }`}, resource.Resources.ValidateSingleProvider, "some do not"},
		{[]string{disk + `provider_id { value: "q" }`, disk + `provider_id { value: "p" }`}, resource.Resources.ValidateSingleProvider, `"q" and "p"`},
	} {
		err := c.rule(mustRead(t, c.messages...))
		switch {
		case c.wantErr == "" && err != nil:
			t.Errorf("%q: %v", c.messages, err)
		case c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)):
			t.Errorf("%q: got error %v, want %q", c.messages, err, c.wantErr)
		}
	}
}

func TestOverlap(t *testing.T) {
	task, executor := notation.MustParse("cpus:1;ports:[1-5]"), notation.MustParse("cpus:1;ports:[5-9]")
	if !resource.Overlap(task, executor) {
		t.Error("port 5 is in both, which was not seen")
	}
	if resource.Overlap(task, notation.MustParse("ports:[6-9];cpus:1")) {
		t.Error("neighbouring ranges are not an overlap")
	}
}

// TestWhatMakesEntriesDifferent compares pairs of entries that differ in one thing.
func TestWhatMakesEntriesDifferent(t *testing.T) {
	volume := disk + reR + `disk { persistence { id: "v" } volume { container_path: "p" mode: RW } } `
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{cpus + `role: "r" reservation {}`, cpus + reR, true},
		{cpus + `role: "r"`, cpus + `reservations { type: STATIC role: "r" }`, true},
		{cpus + `role: "r"`, cpus + reR, false},
		{cpus, cpus + `role: "*"`, true},
		{cpus, cpus + `allocation_info {}`, true},
		{cpus, cpus + `allocation_info { role: "r" }`, false},
		{cpus, cpus + `revocable {}`, false},
		{cpus + reR, cpus + `reservations { type: DYNAMIC role: "r" principal: "" }`, false},
		{
			cpus + `reservations { type: DYNAMIC role: "r" labels { labels { key: "a" } labels { key: "b" value: "" } } }`,
			cpus + `reservations { type: DYNAMIC role: "r" labels { labels { key: "b" } labels { key: "a" } } }`, true,
		},
		{cpus + reR, cpus + `reservations { type: DYNAMIC role: "r" labels {} }`, false},
		{volume, strings.Replace(volume, `"p"`, `"elsewhere"`, 1), true},
		{volume, strings.Replace(volume, `id: "v"`, `id: "v" principal: "someone"`, 1), true},
		{volume, strings.Replace(volume, `id: "v"`, `id: "w"`, 1), false},
		{volume, strings.Replace(volume, `value: 1`, `value: 2`, 1), false},
		{volume, volume + `shared {}`, false},
		{disk, disk + `provider_id { value: "p" }`, false},
		{disk + `disk { source { type: PATH path { root: "a" } } }`, disk + `disk { source { type: PATH path { root: "b" } } }`, false},
		{disk + `disk { source { type: PATH } }`, disk + `disk { source { type: PATH path {} } }`, false},
		{disk + `disk { source { type: RAW profile: "a" } }`, disk + `disk { source { type: RAW profile: "b" } }`, false},
		{disk + `disk { source { type: RAW vendor: "a" } }`, disk + `disk { source { type: RAW } }`, false},
	} {
		a, b := mustRead(t, c.a), mustRead(t, c.b)
		if a.Equal(b) != c.same || b.Equal(a) != c.same {
			t.Errorf("%s equals %s: got %v, want %v", a, b, !c.same, c.same)
		}
	}
}

// TestArithmeticByExample spells results in the short notation.
func TestArithmeticByExample(t *testing.T) {
	for _, c := range []struct{ a, op, b, want string }{
		{"cpus:0.1", "+", "cpus:0.2", "cpus:0.3"},
		{"cpus:1;mem:5", "-", "cpus:1;mem:2", "mem:3"},
		{"cpus:1", "-", "cpus:2", ""},
		{"cpus:1", "-", "mem:1", "cpus:1"},
		{"cpus:1;cpus{rev}:1", "+", "cpus{rev}:2", "cpus:1;cpus{rev}:3"},
		{"cpus(s:a):1", "-", "cpus(d:a):1", "cpus(s:a):1"},
		{"ports:[1-5,8-9]", "+", "ports:[6-7]", "ports:[1-9]"},
		{"ports:[1-5]", "+", "ports:[3-8]", "ports:[1-8]"},
		{"ports:[1-9]", "-", "ports:[1-1,4-5,9-20]", "ports:[2-3,6-8]"},
		{"ports:[1-9]", "-", "ports:[0-20]", ""},
		{"ports:[0-18446744073709551615]", "-", "ports:[0-0,18446744073709551615-18446744073709551615]", "ports:[1-18446744073709551614]"},
		{"ports:[5-18446744073709551615]", "+", "ports:[7-8]", "ports:[5-18446744073709551615]"},
		{"nics:{a,b}", "+", "nics:{b,c}", "nics:{a,b,c}"},
		{"nics:{a,b}", "-", "nics:{b,c}", "nics:{a}"},
		{"disk{path=/p}:10", "+", "disk{path=/p}:5", "disk{path=/p}:15"},
		{"disk{mount=/m}:10", "+", "disk{mount=/m}:5", "disk{mount=/m}:10;disk{mount=/m}:5"},
		{"disk{mount=/m}:10", "-", "disk{mount=/m}:5", "disk{mount=/m}:10"},
		{"disk{mount=/m}:10", "-", "disk{mount=/m}:10", ""},
		{"disk{raw}:10", "+", "disk{raw}:5", "disk{raw}:15"},
		{"disk{raw,id=x}:10", "+", "disk{raw,id=x}:5", "disk{raw,id=x}:10;disk{raw,id=x}:5"},
		{"disk(s:a){vol=v@p}:10", "-", "disk(s:a){vol=v@p}:5", "disk(s:a){vol=v@p}:10"},
		{"disk(s:a){vol=v@p}:10", "-", "disk(s:a){vol=v@q}:10", ""},
		{"disk(s:a){vol=v@p,shared}:10", "+", "disk(s:a){vol=v@p,shared}:10", "disk(s:a){vol=v@p,shared}:10"},
		{"disk(s:a){vol=v@p,shared}:10;disk(s:a){vol=v@p,shared}:10", "-", "disk(s:a){vol=v@p,shared}:10", "disk(s:a){vol=v@p,shared}:10"},
		{"disk(s:a){vol=v@p,shared}:10", "-", "disk(s:a){vol=v@p,shared}:10;disk(s:a){vol=v@p,shared}:10", ""},
		{"cpus:0", "+", "ports:[];nics:{}", ""},
	} {
		a, b := notation.MustParse(c.a), notation.MustParse(c.b)
		got := a.Plus(b)
		if c.op == "-" {
			got = a.Minus(b)
		}
		if notation.Format(got) != c.want {
			t.Errorf("%s %s %s = %s, want %s", c.a, c.op, c.b, notation.Format(got), c.want)
		}
	}
}

func TestContainsByExample(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"cpus:1", "", true},
		{"", "cpus:1", false},
		{"cpus:1;mem:2", "cpus:1", true},
		{"cpus:1", "cpus:1.001", false},
		{"cpus(s:a):1;cpus:1", "cpus:2", false}, // entries are not combined
		{"ports:[1-5,7-9]", "ports:[2-3,7-7]", true},
		{"ports:[1-5,7-9]", "ports:[5-7]", false},
		{"nics:{a,b}", "nics:{b}", true},
		{"nics:{a,b}", "nics:{b,c}", false},
		{"disk{mount=/m}:10", "disk{mount=/m}:5", false},
		{"disk{mount=/m}:10", "disk{mount=/m}:10", true},
		{"disk{mount=/m}:10", "disk{mount=/m}:10;disk{mount=/m}:10", true}, // not used up while checking
		{"disk(s:a){vol=v@p}:10", "disk(s:a){vol=v@p}:10;disk(s:a){vol=v@p}:10", false},
		{"disk(s:a){vol=v@p,shared}:10;disk(s:a){vol=v@p,shared}:10", "disk(s:a){vol=v@p,shared}:10", true},
		{"disk(s:a){vol=v@p,shared}:10", "disk(s:a){vol=v@p,shared}:10;disk(s:a){vol=v@p,shared}:10", false},
	} {
		if got := notation.MustParse(c.a).Contains(notation.MustParse(c.b)); got != c.want {
			t.Errorf("%q contains %q: got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestScalarsKeepThreeDecimals(t *testing.T) {
	for _, c := range []struct {
		value float64
		milli int64
		text  string
	}{
		{0.1, 100, "0.1"},
		{0.0005, 1, "0.001"},
		{1.2345, 1235, "1.235"},
		{2.675, 2675, "2.675"},
		{31.05, 31050, "31.05"},
		{1e12, 1e15, "1000000000000"},
		{-0.5, -500, "-0.5"},
	} {
		milli, ok := resource.MilliFromFloat(c.value)
		if !ok || milli != c.milli || resource.FormatMilli(milli) != c.text {
			t.Errorf("%v is %d milli, printed as %s; want %d, %s", c.value, milli, resource.FormatMilli(milli), c.milli, c.text)
		}
	}
	if got := resource.FormatMilli(math.MinInt64); got != "-9223372036854775.808" {
		t.Errorf("the smallest amount is printed as %s", got)
	}
	for _, milli := range []int64{100, 300, 1, 999, 123456789, 1e15 + 7} {
		if again, _ := resource.MilliFromFloat(resource.FloatFromMilli(milli)); again != milli {
			t.Errorf("%d milli read back as %d", milli, again)
		}
	}
	if resource.FloatFromMilli(300) != 0.3 {
		t.Errorf("300 milli are %v", resource.FloatFromMilli(300))
	}
}

func TestAmountsDoNotWrapAround(t *testing.T) {
	huge := notation.MustParse("cpus:9000000000000000;ports:[0-18446744073709551615]")
	if sum := huge.Plus(huge); sum.ScalarMilli("cpus") != math.MaxInt64 || !sum.Contains(huge) {
		t.Errorf("sum of huge amounts is %s", sum)
	}
	if got := huge.Quantities().Get("ports"); got != math.MaxInt64 {
		t.Errorf("quantity of all ports is %d", got)
	}
}

func TestRoles(t *testing.T) {
	for _, role := range []string{"*", "a", "a/b", "a/b.c", "..a", "a/...", "ä", "a-", "a*"} {
		if err := resource.ValidateRole(role); err != nil {
			t.Errorf("role %q: %v", role, err)
		}
	}
	for _, role := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/../b", "a/*", "*/a", "-a", "a/-b",
		"a b", "a\tb", "a\nb", "a\vb", "a\fb", "a\rb", "a\x7fb",
	} {
		if resource.ValidateRole(role) == nil {
			t.Errorf("role %q was accepted", role)
		}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{"a/b", "a", true}, {"a/b/c", "a", true}, {"a", "a", false}, {"ab", "a", false}, {"a", "a/b", false}, {"a/b", "b", false}} {
		if got := resource.IsStrictSubrole(c.a, c.b); got != c.want {
			t.Errorf("%q below %q: got %v", c.a, c.b, got)
		}
	}
	if got := resource.RoleAncestors("a/b/c"); !slices.Equal(got, []string{"a/b", "a"}) {
		t.Errorf("ancestors are %q", got)
	}
	if got := resource.RoleAncestors("a"); got != nil {
		t.Errorf("ancestors of a top-level role are %q", got)
	}
}

func TestIDs(t *testing.T) {
	for _, id := range []string{"a", "a.b", "...", "ä", "with blank", strings.Repeat("x", 255)} {
		if err := resource.ValidateID(id); err != nil {
			t.Errorf("ID %q: %v", id, err)
		}
	}
	for _, id := range []string{"", ".", "..", "a/b", `a\b`, "a\x00", "a\n", "\x7f", strings.Repeat("x", 256)} {
		if resource.ValidateID(id) == nil {
			t.Errorf("ID %q was accepted", id)
		}
	}
}

// TestFormats compares what is written in each format, as JSON.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		notation, role, pre, post, endpoint string
	}{
		{
			"cpus:4", "",
			`{"name":"cpus","type":"SCALAR","scalar":{"value":4.0},"role":"*"}`,
			`{"name":"cpus","type":"SCALAR","scalar":{"value":4.0}}`,
			`{"name":"cpus","type":"SCALAR","scalar":{"value":4.0},"role":"*"}`,
		}, {
			"ports(s:r):[1-2]", "r",
			`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]},"role":"r","allocation_info":{"role":"r"}}`,
			`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]},"allocation_info":{"role":"r"},"reservations":[{"type":"STATIC","role":"r"}]}`,
			`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]},"role":"r","allocation_info":{"role":"r"},"reservations":[{"type":"STATIC","role":"r"}]}`,
		}, {
			"cpus(d:r!p):1", "",
			`{"name":"cpus","type":"SCALAR","scalar":{"value":1.0},"role":"r","reservation":{"principal":"p"}}`,
			`{"name":"cpus","type":"SCALAR","scalar":{"value":1.0},"reservations":[{"type":"DYNAMIC","role":"r","principal":"p"}]}`,
			`{"name":"cpus","type":"SCALAR","scalar":{"value":1.0},"role":"r","reservation":{"principal":"p"},"reservations":[{"type":"DYNAMIC","role":"r","principal":"p"}]}`,
		}, {
			"nics(s:r,d:r/s):{e0}", "",
			`{"name":"nics","type":"SET","set":{"item":["e0"]},"reservations":[{"type":"STATIC","role":"r"},{"type":"DYNAMIC","role":"r/s"}]}`,
			`{"name":"nics","type":"SET","set":{"item":["e0"]},"reservations":[{"type":"STATIC","role":"r"},{"type":"DYNAMIC","role":"r/s"}]}`,
			`{"name":"nics","type":"SET","set":{"item":["e0"]},"reservations":[{"type":"STATIC","role":"r"},{"type":"DYNAMIC","role":"r/s"}]}`,
		},
	} {
		rs := notation.MustParse(c.notation)
		if c.role != "" {
			rs = rs.Allocate(c.role)
		}
		for _, f := range []struct {
			format resource.Format
			want   string
		}{{resource.PreRefinement, c.pre}, {resource.PostRefinement, c.post}, {resource.Endpoint, c.endpoint}} {
			got := string(rs.ToProto(f.format)[0].AppendJSON(nil))
			if !sameJSON(t, got, f.want) {
				t.Errorf("%s in format %d:\n%s\nwant\n%s", c.notation, f.format, got, f.want)
			}
			if rs.ToProto(f.format.WithoutAllocation())[0].AllocationInfo != nil {
				t.Errorf("%s in format %d still has its allocation", c.notation, f.format)
			}
		}
	}
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		t.Fatalf("not JSON: %s or %s", a, b)
	}
	first, _ := json.Marshal(x)
	second, _ := json.Marshal(y)
	return string(first) == string(second)
}

func TestStrings(t *testing.T) {
	volume := disk + `reservations { type: STATIC role: "r" } reservations { type: DYNAMIC role: "r/s" principal: "p" labels { labels { key: "k" value: "v" } labels { key: "l" } } } ` +
		`disk { source { type: MOUNT mount { root: "/m" } } persistence { id: "v" } volume { container_path: "c" mode: RW } } shared {}`
	for want, messages := range map[string][]string{
		"{}":                           nil,
		"cpus:1; disk(allocated: a):1": {cpus, disk + `allocation_info { role: "a" }`},
		"cpus{REV}:1":                  {cpus + `revocable {}`},
		"x:[1-2, 4-5]":                 {`name: "x" type: RANGES ranges { range { begin: 4 end: 5 } range { begin: 1 end: 2 } }`},
		"x:{a, b}":                     {`name: "x" type: SET set { item: "b" item: "a" }`},
		"disk[RAW(,i,p)]:1":            {disk + `disk { source { type: RAW id: "i" profile: "p" } }`},
		"disk[PATH:/p]:1":              {disk + `disk { source { type: PATH path { root: "/p" } } }`},
		"disk(reservations: [(STATIC,r),(DYNAMIC,r/s,p,{k: v, l})])[MOUNT:/m,v:c]<SHARED>:1": {volume},
	} {
		if got := mustRead(t, messages...).String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

package resource_test

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

func TestParseText(t *testing.T) {
	for _, c := range []struct{ text, role, want string }{
		{"", "*", ""},
		{"cpus:4;mem(role):1024;ports:[1-5]", "*", "cpus:4;mem(s:role):1024;ports:[1-5]"},
		{"cpus:4;mem(*):1024", "r", "cpus(s:r):4;mem:1024"},
		{" cpus : 4 ;; mem ( a/b ) : 1 0 ;", "*", "cpus:4;mem(s:a/b):10"},
		{"cpus:1;cpus:2.5", "*", "cpus:3.5"},
		{"cpus:0;mem:1", "*", "mem:1"},
		{"ports:[1-2, 3-4,10-20];nics:{b, a}", "*", "nics:{a,b};ports:[1-4,10-20]"},
		{"ports:[1-4,3-6]", "*", "ports:[1-6]"},
		{"ports:[1,4]", "*", "ports:[1-4]"}, // any of the separators does
		{"x:0x10", "*", "x:16"},
		{"x:1e3", "*", "x:1000"},
		{"x:.5", "*", "x:0.5"},
		{"ports:[]", "*", ""},
	} {
		rs, err := resource.Parse(c.text, c.role)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := notation.Format(rs); got != c.want {
			t.Errorf("%q: got %s, want %s", c.text, got, c.want)
		}
	}
}

func TestParseJSON(t *testing.T) {
	for _, c := range []struct{ text, role, want string }{
		{`[]`, "*", ""},
		{` [{"name":"cpus","type":"SCALAR","scalar":{"value":"4"}}] `, "r", "cpus(s:r):4"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":4},"role":"s"}]`, "r", "cpus(s:s):4"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":4},"role":"*","unknown":[1]}]`, "r", "cpus:4"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":4},"reservations":[{"type":"STATIC","role":"s"}]}]`, "r", "cpus(s:s):4"},
		{`[{"name":"disk","type":"SCALAR","scalar":{"value":9},"disk":{"source":{"type":"MOUNT","mount":{"root":"/m"}}}}]`, "*", "disk{mount=/m}:9"},
		{`[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}},{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":3,"end":4}]}}]`, "*", "ports:[1-4]"},
	} {
		rs, err := resource.Parse(c.text, c.role)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		} else if got := notation.Format(rs); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, wantErr string }{
		{"cpus", "want name:value"},
		{"cpus:1; ;mem:1", "want name:value"},
		{"cpus:1:2", "want name:value"},
		{":1", "want name:value"},
		{" :1", "name is empty"},
		{"cpus(r:1", "parentheses"},
		{"cpus)r(:1", "parentheses"},
		{"cpus():1", "role name is empty"},
		{"cpus(-r):1", "dash"},
		{"cpus:-1", "not a number of at least 0"},
		{"cpus:nan", "not a number of at least 0"},
		{"cpus:inf", "not a number of at least 0"},
		{"cpus:1_0", "not a number of at least 0"},
		{"cpus:four", "not a number of at least 0"},
		{"cpus: ", "value is empty"},
		{"cpus:0.0001", "not above zero"},
		{"cpus:1e-320", "too small"},
		{"ports:[1-2", "do not match"},
		{"ports:]1-2[", "do not match"},
		{"ports:x[1-2]", "unexpected ["},
		{"nics:x{a}", "unexpected {"},
		{"nics:{a,a}", "occurs twice"},
		{"ports:[1-2-3]", "pairs of numbers"},
		{"ports:[5-1]", "begins after its end"},
		{"ports:[a-b]", "not integers"},
		{"ports:[0-18446744073709551616]", "not integers"},
		{"x:1;x:[1-2]", "both as SCALAR and as RANGES"},
		{`[{"name":"cpus"}]`, "type"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}`, "JSON"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"revocable":{}}]`, "revocable"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"role":"r","reservation":{}}]`, "dynamic reservation"},
		{`[{"name":"disk","type":"SCALAR","scalar":{"value":1},"role":"r","disk":{"persistence":{"id":"v"}}}]`, "persistent volume"},
	} {
		if rs, err := resource.Parse(c.text, "*"); err == nil || !strings.Contains(err.Error(), c.wantErr) {
			t.Errorf("%q: got %v and error %v, want %q", c.text, rs, err, c.wantErr)
		}
	}
}

func TestParseAttributes(t *testing.T) {
	attributes, err := resource.ParseAttributes("rack:r1;level:3.5;\nrange:[1-5,4-9];url:http://host:80;free text:a b; x:-1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range attributes {
		got = append(got, string(a.AppendJSON(nil)))
	}
	want := []string{
		`{"name":"rack","type":"TEXT","text":{"value":"r1"}}`,
		`{"name":"level","type":"SCALAR","scalar":{"value":3.5}}`,
		`{"name":"range","type":"RANGES","ranges":{"range":[{"begin":1,"end":9}]}}`,
		`{"name":"url","type":"TEXT","text":{"value":"http://host:80"}}`,
		`{"name":"free text","type":"TEXT","text":{"value":"ab"}}`,
		`{"name":" x","type":"TEXT","text":{"value":"-1"}}`,
	}
	for i := range want {
		if len(got) != len(want) || !sameJSON(t, got[i], want[i]) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	for _, text := range []string{"rack", "rack:", ":r1", "disks:{a,b}", "x:[1-2", "x:[2-1]"} {
		if _, err := resource.ParseAttributes(text); err == nil {
			t.Errorf("attributes %q were accepted", text)
		}
	}
}

func TestParseQuantitiesAndLimits(t *testing.T) {
	q, err := resource.ParseQuantities(" cpus : 1.5 ;mem:5;cpus:0.5;gpus:0")
	if err != nil || q.String() != "cpus:2; mem:5" {
		t.Errorf("got %s, %v", q, err)
	}
	l, err := resource.ParseLimits("mem:5;cpus:0")
	if err != nil || l.String() != "cpus:0; mem:5" {
		t.Errorf("got %s, %v", l, err)
	}
	for _, text := range []string{"cpus", "cpus:-1", "cpus:[1-2]", "cpus:x", "cpus:1:2", "cpus:1e30"} {
		if _, err := resource.ParseQuantities(text); err == nil {
			t.Errorf("quantities %q were accepted", text)
		}
		if _, err := resource.ParseLimits(text); err == nil {
			t.Errorf("limits %q were accepted", text)
		}
	}
	if _, err := resource.ParseLimits("cpus:1;cpus:1"); err == nil {
		t.Error("a limit given twice was accepted")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"cpus:4;mem(role):1024;ports:[1-5,7-9];nics:{a,b}", "cpus(a/b):0x10;;x: 1e3 ", "x:[1,2", "ports:[]",
		`[{"name":"cpus","type":"SCALAR","scalar":{"value":4},"role":"r"}]`,
		`[{"name":"disk","type":"SCALAR","scalar":{"value":4},"disk":{"source":{"type":"RAW"}}}]`,
	} {
		f.Add(seed, "*")
		f.Add(seed, "role")
	}
	f.Fuzz(func(t *testing.T, text, role string) {
		if attributes, err := resource.ParseAttributes(text); err == nil {
			for _, a := range attributes {
				if a.GetName() == "" || a.Scalar == nil && a.Ranges == nil && a.Text == nil {
					t.Fatalf("attributes %q: %v lacks name or value", text, a)
				}
			}
		}
		rs, err := resource.Parse(text, role)
		if err != nil {
			return
		}
		for _, format := range []resource.Format{resource.PreRefinement, resource.PostRefinement, resource.Endpoint} {
			again, err := resource.FromProto(rs.ToProto(format))
			if err != nil || !again.Equal(rs) {
				t.Fatalf("%q reads as %s, which reads back as %s, %v", text, rs, again, err)
			}
		}
		if !rs.Contains(rs) || !rs.Minus(rs).IsEmpty() {
			t.Fatalf("%q: %s minus itself is %s", text, rs, rs.Minus(rs))
		}
	})
}

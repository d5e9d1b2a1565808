package alloc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/httpc"
)

// state makes a call to the framework state store in the framework's name.
func (f *framework) state(method, key, body string, headers ...httpc.Field) *httpc.Response {
	f.r.t.Helper()
	headers = append(headers, httpc.Field{Name: "X-Framework-Id", Value: f.id})
	if method != "GET" {
		headers = append(headers, httpc.Field{Name: "Mesos-Stream-Id", Value: f.sub.StreamID})
	}
	a, err := f.r.client.Do(context.Background(), &httpc.Request{
		Method: method, URL: f.r.url("/api/v1/framework/state/" + key), Headers: headers, Body: []byte(body)})
	if err != nil {
		f.r.t.Fatal(err)
	}
	return a
}

func TestAFrameworkFindsItsStateAfterARestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	f := r.subscribe("")
	created := f.state("PUT", "jobs/1", "sleep")
	if created.Status != 201 || created.Header.Get("ETag") == "" || text(decode(t, created.Body), "key") != "jobs/1" {
		t.Fatalf("PUT: %d %v %s", created.Status, created.Header, created.Body)
	}
	match := httpc.Field{Name: "If-Match", Value: created.Header.Get("ETag")}
	replaced := f.state("PUT", "jobs/1", "wake\x00", match)
	if replaced.Status != 200 || replaced.Header.Get("ETag") == match.Value {
		t.Fatalf("PUT of the next version: %d %v", replaced.Status, replaced.Header)
	}

	r.stop()
	r = start(t, dir)
	f.r = r // it has not subscribed again yet
	got := f.state("GET", "jobs/1", "")
	if got.Status != 200 || string(got.Body) != "wake\x00" || got.Header.Get("ETag") != replaced.Header.Get("ETag") {
		t.Fatalf("GET after the restart: %d %q %v", got.Status, got.Body, got.Header)
	}
	if a := f.state("PUT", "jobs/1", "x"); a.Status != 403 {
		t.Errorf("PUT before it subscribed again: %d %s", a.Status, a.Body)
	}
	old := f
	f = r.subscribe(f.id)
	for _, c := range []struct {
		what   string
		got    *httpc.Response
		status int
	}{
		{"an old version", f.state("PUT", "jobs/1", "x", match), 412},
		{"the old stream", old.state("PUT", "jobs/1", "x"), 400},
		{"If-None-Match: *", f.state("PUT", "jobs/1", "x", httpc.Field{Name: "If-None-Match", Value: "*"}), 412},
		{"If-Match: nonsense", f.state("PUT", "jobs/1", "x", httpc.Field{Name: "If-Match", Value: "nonsense"}), 400},
		{"a long value", f.state("PUT", "jobs/1", strings.Repeat("x", 64<<10+1)), 413},
		{"POST", f.state("POST", "jobs/1", "x"), 405},
		{"PUT without a key", f.state("PUT", "", "x"), 405},
		{"GET of nothing", f.state("GET", "jobs/2", ""), 404},
		{"GET of what is known", f.state("GET", "jobs/1", "", httpc.Field{Name: "If-None-Match", Value: got.Header.Get("ETag")}), 304},
		{"a long key", f.state("PUT", strings.Repeat("k", 257), "x"), 400},
		{"a second key", f.state("PUT", "jobs/2", ""), 201},
		{"deletion", f.state("DELETE", "jobs/1", "", httpc.Field{Name: "If-Match", Value: got.Header.Get("ETag")}), 204},
		{"deletion of nothing", f.state("DELETE", "jobs/1", ""), 404},
	} {
		if c.got.Status != c.status {
			t.Errorf("%s: got status %d %s, want %d", c.what, c.got.Status, c.got.Body, c.status)
		}
	}
	all := decode(t, f.state("GET", "", "").Body)
	if text(all, "values", 0, "key") != "jobs/2" || at(all, "values", 1) != nil || at(all, "bytes") != 6.0 {
		t.Errorf("the list is %v", all)
	}

	other := r.subscribe("")
	if a := other.state("GET", "jobs/2", ""); a.Status != 404 {
		t.Errorf("another framework reads %d %s", a.Status, a.Body)
	}
	f.call("TEARDOWN", "{}")
	f.end()
	if a := f.state("GET", "", ""); a.Status != 404 {
		t.Errorf("after teardown the list is %d %s", a.Status, a.Body)
	}
}

package api

import (
	"context"
	stdjson "encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// ask calls a handler with a query and gives what it answers.
func ask(h httpd.Handler, uri string) (status int, body string, header *fasthttp.ResponseHeader) {
	c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
	c.Request.SetRequestURI(uri)
	h(c)
	return c.Response.StatusCode(), string(c.Response.Body()), &c.Response.Header
}

func TestTheLogIsServed(t *testing.T) {
	s := testServer(t)
	for _, h := range []httpd.Handler{s.filesBrowse, s.filesRead, s.filesDownload} {
		if status, _, _ := ask(h, "/x?path=/master/log"); status != 404 {
			t.Errorf("without a log: status %d", status)
		}
		if status, body, _ := ask(h, "/x"); status != 400 || body != "Expecting 'path=value' in query.\n" {
			t.Errorf("without a path: status %d %q", status, body)
		}
	}
	s.opts.LogFile = filepath.Join(t.TempDir(), "log")
	if status, _, _ := ask(s.filesDownload, "/x?path=/master/log"); status != 404 {
		t.Errorf("a log that is not there yet: status %d", status)
	}
	text := strings.Repeat("a line\n", 20_000)
	if err := os.WriteFile(s.opts.LogFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	status, body, header := ask(s.filesDownload, "/x?path=/master/log")
	if status != 200 || body != text || string(header.Peek("Content-Disposition")) != "attachment; filename=log" ||
		string(header.ContentType()) != "application/octet-stream" {
		t.Errorf("download: status %d, %d bytes, %v", status, len(body), header)
	}
	for query, want := range map[string]string{
		"":                      `{"data":"","offset":140000}`,
		"&offset=-1":            `{"data":"","offset":140000}`,
		"&offset=7&length=6":    `{"data":"a line","offset":7}`,
		"&offset=0&length=-5":   "Negative length provided: -5.\n",
		"&offset=x":             "Failed to convert 'x' to number.\n",
		"&offset=9999999":       `{"data":"","offset":9999999}`,
		"&offset=139999&length": "Failed to convert '' to number.\n",
	} {
		if _, body, _ := ask(s.filesRead, "/x?path=/master/log"+query); body != want {
			t.Errorf("read %q: got %.60q, want %q", query, body, want)
		}
	}
	if _, body, _ := ask(s.filesRead, "/x?path=/master/log&offset=0"); len(body) > 2*readLimit || len(body) < readLimit {
		t.Errorf("one read gives %d bytes", len(body))
	}
	if _, body, _ := ask(s.filesRead, "/x?path=/etc/passwd&offset=0"); body != "" {
		t.Errorf("another file is served: %q", body)
	}
}

// Every unversioned endpoint is in the help, and the help names only what is served.
func TestHelpListsWhatIsServed(t *testing.T) {
	s, url, _ := served(t, &inbox{})
	get := func(path string) (int, string) {
		status, _, body, err := httpc.New(httpc.Options{}).Get(context.Background(), url+path)
		if err != nil {
			t.Fatal(err)
		}
		return status, string(body)
	}
	_, all := get("/help")
	for path := range endpoints {
		if !strings.Contains(all, path+" ") {
			t.Errorf("%s is not listed", path)
		}
		if status, one := get("/help/master" + path); status != 200 || !strings.HasPrefix(one, path+": ") {
			t.Errorf("the help for %s: %d %q", path, status, one)
		}
		if path == "/redirect" {
			continue // to a host of this test's imagination
		}
		if status, _ := get(path); status == 404 {
			t.Errorf("%s is in the help and not served", path)
		}
	}
	for path := range s.legacyHandlers() {
		if endpoints[path] == "" {
			t.Errorf("%s is served and not in the help", path)
		}
	}
	if status, _ := get("/help/nothing"); status != 404 {
		t.Errorf("the help for nothing: %d", status)
	}
}

func TestOfferConstraintsAreShown(t *testing.T) {
	s := constrained(t)
	_, body, _ := ask(s.offerConstraintsDebug, "/x")
	var got struct {
		Frameworks map[string]struct {
			Roles map[string]struct {
				Excluded []string `json:"excluded_agents"`
			}
		}
	}
	if err := stdjson.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	excluded := got.Frameworks["f-0000"].Roles["r"].Excluded
	if len(got.Frameworks) != 1 || len(excluded) != 1 || excluded[0] != "a-S1" {
		t.Fatalf("got %s, want that the constraints of f-0000 exclude a-S1", body)
	}
}

// constrained is a cluster in which one framework wants only the first agent.
func constrained(t *testing.T) *Server {
	s := testServer(t)
	fill(t, s, 2, 2, 0)
	for f := range s.view.Snapshot().Frameworks.All() {
		if f.ID() != "f-0000" {
			continue
		}
		var oc scheduler.OfferConstraints
		if err := codec.JSON.Unmarshal([]byte(`{"role_constraints":{"r":{"groups":[{"attribute_constraints":[
			{"selector":{"pseudoattribute_type":"HOSTNAME"},"predicate":{"text_equals":{"value":"host-0"}}}]}]}}}`), &oc); err != nil {
			t.Fatal(err)
		}
		next := *f
		next.Rec = f.Rec.CloneVT()
		next.Rec.OfferConstraints = &oc
		s.Publish([]core.Change{{ID: record.ID{Kind: record.KindFramework, Parts: [3]string{f.ID()}}, Entity: &next}})
	}
	return s
}

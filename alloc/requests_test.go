package alloc_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// exchange sends one request as it is and returns the status of the answer and
// whatever of the answer came with it.
func (r *service) exchange(t *testing.T, method, path string, headers []string, body []byte) (status, rest string) {
	t.Helper()
	conn, err := net.Dial("tcp", r.s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", method, path, len(body))
	for _, h := range headers {
		head += h + "\r\n"
	}
	if _, err := conn.Write(append([]byte(head+"\r\n"), body...)); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(conn)
	line, err := br.ReadString('\n')
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	buffered := make([]byte, br.Buffered())
	_, _ = br.Read(buffered)
	_, status, _ = strings.Cut(line, " ")
	status, _, _ = strings.Cut(status, " ")
	return status, string(buffered)
}

// Every request of the table gets the status that Mesos gives it.
func TestRequestsGetTheStatusThatMesosGives(t *testing.T) {
	table, err := os.ReadFile("testdata/requests.tsv")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, t.TempDir())
	n := 0
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 7 {
			t.Fatalf("got %d fields, want 7: %s", len(f), line)
		}
		var headers []string
		for i, name := range []string{"Content-Type", "Accept", "Mesos-Stream-Id"} {
			if v := f[2+i]; v != "-" {
				headers = append(headers, name+": "+v)
			}
		}
		var body []byte
		if text, ok := strings.CutPrefix(f[5], "hex:"); ok {
			if body, err = hex.DecodeString(text); err != nil {
				t.Fatal(err)
			}
		} else if f[5] != "-" {
			body = []byte(f[5])
		}
		status, rest := r.exchange(t, f[0], f[1], headers, body)
		if status != f[6] {
			t.Errorf("%s %s %q %s: got %s, wanted %s\n%s", f[0], f[1], headers, f[5], status, f[6], rest)
		}
		n++
	}
	if n < 150 {
		t.Fatalf("the table has %d requests only", n)
	}
}

// One-line refusals that name what was got and what was wanted.
func TestRefusalsSayWhatWasWanted(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	stream := "Mesos-Stream-Id: " + f.sub.StreamID
	id := `"framework_id":{"value":"` + f.id + `"}`
	const json = "Content-Type: application/json"
	for _, c := range []struct {
		name, path string
		headers    []string
		body       string
		status     string
		words      string
	}{
		{"no content type", "/api/v1/scheduler", nil, `{}`, "400", "Content-Type"},
		{"other content type", "/api/v1/scheduler", []string{"Content-Type: text/xml"}, `{}`, "415", "text/xml"},
		{"not JSON", "/api/v1/scheduler", []string{json}, `{"type":`, "400", "JSON"},
		{"no type", "/api/v1/scheduler", []string{json}, `{}`, "400", "Expecting 'type' to be present"},
		{"unknown type", "/api/v1", []string{json}, `{"type":"UNKNOWN"}`, "501", ""},
		{"no stream id", "/api/v1/scheduler", []string{json}, `{"type":"REVIVE",` + id + `}`, "400", "Mesos-Stream-Id"},
		{"other stream id", "/api/v1/scheduler", []string{json, "Mesos-Stream-Id: x"}, `{"type":"REVIVE",` + id + `}`, "400", "stream ID 'x'"},
		{"unknown framework", "/api/v1/scheduler", []string{json, stream}, `{"type":"REVIVE","framework_id":{"value":"f"}}`, "400", "Framework cannot be found"},
		{"bad uuid", "/api/v1/scheduler", []string{json, stream}, `{"type":"ACKNOWLEDGE",` + id + `,"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"eHg="}}`, "400", "got 2 bytes"},
		{"accepted", "/api/v1/scheduler", []string{json, stream}, `{"type":"REVIVE",` + id + `}`, "202", ""},
		{"update", "/api/v1/scheduler", []string{json, stream}, `{"type":"UPDATE_FRAMEWORK",` + id + `,"update_framework":{"framework_info":{"user":"root","name":"g","roles":["r"],"failover_timeout":1000,"id":{"value":"` + f.id + `"},"capabilities":` + capabilities + `}}}`, "200", ""},
		{"deep JSON", "/api/v1", []string{json}, strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300), "400", "200"},
		{"bad weight", "/weights", []string{json}, `[{"role":"r","weight":-1}]`, "405", "PUT"},
		{"form without agent", "/reserve", nil, `resources=[]`, "400", "slaveId"},
		{"form without list", "/reserve", nil, `slaveId=a&resources={}`, "400", "JSON array"},
		{"teardown of nobody", "/teardown", nil, `frameworkId=nosuch`, "400", "No framework found"},
		{"quota of nothing", "/api/v1", []string{json}, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"r","limits":{"":{"value":1}}}]}}`, "400", "without a name"},
		{"minimum of nothing", "/api/v1/scheduler", []string{json}, `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["r"],"capabilities":` + capabilities +
			`,"offer_filters":{"r":{"min_allocatable_resources":{"quantities":[{"quantities":{"":{"value":1}}}]}}}}}}`, "400", "without a name"},
		{"no upgrade", "/api/v1/link", nil, "", "405", "GET"},
	} {
		status, rest := r.exchange(t, "POST", c.path, c.headers, []byte(c.body))
		if status != c.status || !strings.Contains(rest, c.words) {
			t.Errorf("%s: got %s, wanted %s with %q:\n%s", c.name, status, c.status, c.words, rest)
		}
		if _, text, ok := strings.Cut(rest, "\r\n\r\n"); ok && strings.Contains(strings.TrimRight(text, "\n"), "\n") {
			t.Errorf("%s: the text has several lines: %q", c.name, text)
		}
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// A log that is followed goes on where it was when the connection broke, and when the
// agent could not be reached for a while; without -f nothing is asked twice.
func TestFollowedLogsGoOnAfterABreak(t *testing.T) {
	const text = "0123456789abcdefghij"
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("offset"))
		if len(asked) == 2 {
			http.Error(w, "agent a1 cannot be reached", http.StatusGatewayTimeout)
			return
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		if from < 0 {
			from += len(text)
		}
		w.Header().Set("Caprock-Offset", strconv.Itoa(from))
		if len(asked) > 2 {
			_, _ = w.Write([]byte(text[from:]))
			return
		}
		_, _ = w.Write([]byte(text[from : from+5]))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler) // what is left is cut off
	}))
	defer server.Close()
	out, err := caprock(t.Context(), "logs", "--allocator="+server.URL, "-f", "--tail=15", "task")
	if err != nil || out != text[5:] {
		t.Errorf("got %q (%v), want %q", out, err, text[5:])
	}
	if got := strings.Join(asked, " "); got != "-15 10 10" {
		t.Errorf("asked for the offsets %q, want -15, then twice 10", got)
	}
	asked = nil
	if _, err := caprock(t.Context(), "logs", "--allocator="+server.URL, "task"); err == nil || len(asked) != 1 {
		t.Errorf("without -f: got %v after %d questions, want an error after one", err, len(asked))
	}
}

// A task that nobody knows is no matter of waiting.
func TestFollowingWhatIsNotThere(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Error(w, "no task has the id", http.StatusNotFound)
	}))
	defer server.Close()
	if _, err := caprock(t.Context(), "logs", "--allocator="+server.URL, "-f", "task"); err == nil || asked != 1 {
		t.Errorf("got %v after %d questions, want an error after one", err, asked)
	}
}

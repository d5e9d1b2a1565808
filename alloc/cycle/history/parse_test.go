package history_test

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/alloc/cycle/history"
)

// What is no history is refused with the line that is wrong.
func TestParseNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "no command",
		"# compare: exact\n":                    "no command",
		"# compare: roughly\noptions\n":         "line 1: compare is",
		"> {}\n":                                "line 1: an answer before any command",
		"options\n> {\"t\":\n":                  "line 2: the answer is no JSON",
		"# agents: in some order\noptions\n":    "line 1: agents is",
		"# quota: of nobody\noptions\ntick 1\n": "line 1: quota is",
	} {
		if _, err := history.Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

// A command that the player does not understand entirely is an error and not
// played by half.
func TestCommandsThatAreNotUnderstood(t *testing.T) {
	for command, want := range map[string]string{
		"launch rockets":                                       "unknown verb",
		"agent a9 res=cpus:1 colour=red":                       "unknown word colour=",
		"agent":                                                "has 0 words",
		"agent a9 a10 res=cpus:1":                              "has 2 words",
		"agent a9 res=cpus":                                    "cpus",
		"agent a9 res=cpus:1 caps=FLYING":                      `unknown capability "FLYING"`,
		"framework f9 roles=a caps=MULTI_ROLE,FLYING":          `unknown capability "FLYING"`,
		`framework f9 roles=a constraints={"a":[[["x"]]]}`:     "want a selector and a predicate",
		`framework f9 roles=a constraints={"a":[[["x","y"]]]}`: `unknown predicate "y"`,
		`accept o1 ops=[["grow","disk:1"]]`:                    `unknown operation "grow"`,
		"decline o1 filter=soon":                               "soon",
		"decline o1 task=t1:cpus:1":                            "task=",
		"options interval=1 colour=red":                        "unknown word colour=",
		"tick":                                                 "has 0 words",
		"inverse i1 perhaps":                                   "",
	} {
		p := history.NewPlayer(false, nil)
		for _, c := range []string{"agent a1 res=cpus:4;mem:512", "framework f1 roles=a caps=MULTI_ROLE"} {
			if _, err := p.Do(c); err != nil {
				t.Fatal(err)
			}
		}
		_, err := p.Do(command)
		if want == "" && err == nil {
			continue // it speaks of what is not there
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", command, err, want)
		}
	}
}

// Answers are compared by what they say: the order of keys and of resources and
// the form of numbers do not matter, anything else does.
func TestAnswersAreComparedByMeaning(t *testing.T) {
	const commands = "options\r\nagent a1 res=mem:512;cpus:4\r\n\r\n#a remark\nframework f1 roles=a caps=MULTI_ROLE\n"
	for answer, same := range map[string]bool{
		`> {"t":0,"offer":"o1","framework":"f1","role":"a","agent":"a1","resources":"cpus:4;mem:512"}`:     true,
		`>{"t":0.0,"framework":"f1","offer":"o1","role":"a","agent":"a1","resources":"mem:512.0;cpus:4"} `: true,
		`> {"t":0,"offer":"o1","framework":"f1","role":"a","agent":"a1","resources":"cpus:4;mem:511"}`:     false,
		`> {"t":1,"offer":"o1","framework":"f1","role":"a","agent":"a1","resources":"cpus:4;mem:512"}`:     false,
	} {
		h, err := history.Parse(strings.NewReader(commands + answer + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if d := history.Replay(h, nil); (d == nil) != same {
			t.Errorf("%s: difference %v, want same %t", answer, d, same)
		}
	}
}

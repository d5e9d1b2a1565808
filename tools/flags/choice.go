package flags

import (
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/pflag"
)

// choice is a flag whose value is one of a few words.
type choice[T comparable] struct {
	value *T
	words map[string]T
}

// ChoiceVar defines a flag that takes one of the words and stores its value.
func ChoiceVar[T comparable](fs *pflag.FlagSet, p *T, name string, value T, words map[string]T, usage string) {
	*p = value
	fs.Var(&choice[T]{p, words}, name, usage)
}

// Set implements pflag.Value.
func (c *choice[T]) Set(text string) error {
	v, ok := c.words[text]
	if !ok {
		return fmt.Errorf("got %q, want %s", text, c.Type())
	}
	*c.value = v
	return nil
}

func (c *choice[T]) String() string {
	if c.value == nil {
		return "" // pflag asks a zero value for its text
	}
	for word, v := range c.words {
		if v == *c.value {
			return word
		}
	}
	return ""
}

// Type implements pflag.Value; it is what --help shows as the argument.
func (c *choice[T]) Type() string {
	words := make([]string, 0, len(c.words))
	for word := range c.words {
		words = append(words, word)
	}
	sort.Strings(words)
	return strings.Join(words, "|")
}

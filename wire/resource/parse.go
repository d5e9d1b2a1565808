//lint:file-ignore SA1019 The old reservation format is deprecated in the messages, and still has to be served.

package resource

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// Parse reads resources as they are given in flags: "cpus:4;mem(role):1024;ports:[1-5]" or a JSON
// array of resource messages. Entries that name no role are reserved for defaultRole, unless that
// is "*". What flags may not say is refused: persistent volumes, revocable resources, dynamic
// reservations, and one name with two types.
func Parse(text, defaultRole string) (Resources, error) {
	messages, isJSON, err := messagesFromJSON(text)
	if err != nil {
		return nil, err
	}
	if !isJSON {
		if messages, err = messagesFromText(text, defaultRole); err != nil {
			return nil, err
		}
	}
	for _, m := range messages {
		if m.Role == nil && len(m.Reservations) == 0 {
			m.Role = &defaultRole
		}
	}
	rs, err := FromProto(messages)
	if err != nil {
		return nil, err
	}
	return rs, validateFlag(rs)
}

// validateFlag refuses what only operations and estimators may create.
func validateFlag(rs Resources) error {
	types := map[string]mesos.Value_Type{}
	for _, r := range rs {
		switch {
		case r.IsPersistentVolume():
			return fmt.Errorf("persistent volume %s cannot be given in a flag", r)
		case r.IsRevocable():
			return fmt.Errorf("revocable resource %s cannot be given in a flag", r)
		case r.IsDynamicallyReserved():
			return fmt.Errorf("dynamic reservation %s cannot be given in a flag", r)
		}
		if other, seen := types[r.name]; seen && other != r.valueType {
			return fmt.Errorf("resource %q is given both as %v and as %v", r.name, other, r.valueType)
		}
		types[r.name] = r.valueType
	}
	return nil
}

// messagesFromText reads the short form. Blank entries between semicolons are skipped.
func messagesFromText(text, defaultRole string) ([]*mesos.Resource, error) {
	var messages []*mesos.Resource
	for _, token := range tokenize(text, ";") {
		head, valueText, ok := cutPair(token)
		if !ok {
			return nil, fmt.Errorf("resource %q: want name:value or name(role):value", token)
		}
		name, role, err := cutRole(head, defaultRole)
		if err != nil {
			return nil, fmt.Errorf("resource %q: %w", token, err)
		}
		value, err := parseValue(valueText)
		if err != nil {
			return nil, fmt.Errorf("resource %q: %w", token, err)
		}
		if value.kind == mesos.Value_TEXT {
			return nil, fmt.Errorf("resource %q: %q is not a number of at least 0, [ranges] or {set}", token, valueText)
		}
		m := &mesos.Resource{Name: &name, Type: value.kind.Enum(), Role: &role}
		m.Scalar, m.Ranges, m.Set = value.scalarMessage(), value.rangesMessage(), value.setMessage()
		messages = append(messages, m)
	}
	return messages, nil
}

// cutPair splits name:value. Repeated colons between the two count as one.
func cutPair(token string) (head, value string, ok bool) {
	parts := tokenize(token, ":")
	if len(parts) != 2 {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// cutRole splits name(role). What follows the closing parenthesis is ignored.
func cutRole(head, defaultRole string) (name, role string, err error) {
	opening := strings.IndexByte(head, '(')
	if opening < 0 {
		return trim(head), defaultRole, nil
	}
	closing := strings.IndexByte(head, ')')
	if closing < opening {
		return "", "", errors.New("parentheses do not match")
	}
	return trim(head[:opening]), trim(head[opening+1 : closing]), nil
}

// parsedValue is a value in the text form that resources and attributes share.
type parsedValue struct {
	kind   mesos.Value_Type
	scalar float64
	ranges Ranges
	items  []string
	text   string
}

// parseValue reads a value: [1-5,7-9] is ranges, {a,b} a set, a number of at least zero a scalar,
// anything else text. Blanks do not count, not even inside text.
func parseValue(text string) (parsedValue, error) {
	text = strings.ReplaceAll(text, " ", "")
	if text == "" {
		return parsedValue{}, errors.New("value is empty")
	}
	for _, pair := range []string{"{}", "[]", "()"} {
		if !bracketsMatch(text, pair[0], pair[1]) {
			return parsedValue{}, fmt.Errorf("brackets %s in %q do not match", pair, text)
		}
	}
	switch bracket, brace := strings.IndexByte(text, '['), strings.IndexByte(text, '{'); {
	case bracket == 0:
		ranges, err := parseRanges(text)
		return parsedValue{kind: mesos.Value_RANGES, ranges: ranges}, err
	case bracket > 0:
		return parsedValue{}, fmt.Errorf("unexpected [ in %q", text)
	case brace == 0:
		return parsedValue{kind: mesos.Value_SET, items: tokenize(text, "{},\n")}, nil
	case brace > 0:
		return parsedValue{}, fmt.Errorf("unexpected { in %q", text)
	}
	return parseNumberOrText(text)
}

func parseNumberOrText(text string) (parsedValue, error) {
	number, ok := parseFloat(text)
	if !ok || math.IsInf(number, 0) || math.IsNaN(number) || number < 0 {
		return parsedValue{kind: mesos.Value_TEXT, text: text}, nil
	}
	if number != 0 && number < minNormalFloat {
		return parsedValue{}, fmt.Errorf("number %q is too small", text)
	}
	return parsedValue{kind: mesos.Value_SCALAR, scalar: number}, nil
}

// minNormalFloat is the smallest float64 with full precision.
const minNormalFloat = 0x1p-1022

// parseFloat reads decimal and hexadecimal integers and decimal fractions, but not the digit
// separators and hexadecimal fractions of Go.
func parseFloat(text string) (float64, bool) {
	digits := strings.TrimPrefix(text, "-")
	if strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X") {
		n, err := strconv.ParseUint(digits[2:], 16, 64)
		if err != nil {
			return 0, false
		}
		if digits != text {
			return -float64(n), true
		}
		return float64(n), true
	}
	if strings.Contains(text, "_") {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// parseRanges reads [1-5,7-9]. Like Mesos it takes the numbers in pairs, so [1,5,7,9] means the same.
// Overlapping ranges are joined.
func parseRanges(text string) (Ranges, error) {
	tokens := tokenize(text, "[]-,\n")
	if len(tokens)%2 != 0 {
		return nil, fmt.Errorf("ranges %q: want pairs of numbers", text)
	}
	ranges := make(Ranges, 0, len(tokens)/2)
	for i := 0; i < len(tokens); i += 2 {
		begin, err1 := parseUint(tokens[i])
		end, err2 := parseUint(tokens[i+1])
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("ranges %q: %s-%s are not integers of 64 bits", text, tokens[i], tokens[i+1])
		}
		if begin > end {
			return nil, fmt.Errorf("ranges %q: %d-%d begins after its end", text, begin, end)
		}
		ranges = append(ranges, Range{begin, end})
	}
	return ranges.coalesce(), nil
}

func parseUint(token string) (uint64, error) {
	token = strings.TrimPrefix(token, "+")
	if hex, ok := strings.CutPrefix(strings.ToLower(token), "0x"); ok {
		return strconv.ParseUint(hex, 16, 64)
	}
	return strconv.ParseUint(token, 10, 64)
}

// The messages of a value; nil for the members that its type does not have.
func (v parsedValue) scalarMessage() *mesos.Value_Scalar {
	if v.kind != mesos.Value_SCALAR {
		return nil
	}
	return &mesos.Value_Scalar{Value: &v.scalar}
}

func (v parsedValue) rangesMessage() *mesos.Value_Ranges {
	if v.kind != mesos.Value_RANGES {
		return nil
	}
	return v.ranges.toProto()
}

func (v parsedValue) setMessage() *mesos.Value_Set {
	if v.kind != mesos.Value_SET {
		return nil
	}
	return &mesos.Value_Set{Item: v.items}
}

// parseAmounts reads "name:number;…" and calls add with milli-units for each.
func parseAmounts(text string, add func(name string, milli int64) error) error {
	for _, token := range tokenize(text, ";") {
		name, valueText, ok := cutPair(token)
		if !ok {
			return fmt.Errorf("amount %q: want name:number", token)
		}
		value, err := parseValue(valueText)
		if err != nil {
			return fmt.Errorf("amount %q: %w", token, err)
		}
		milli, fits := milliFromFloat(value.scalar)
		if value.kind != mesos.Value_SCALAR || !fits {
			return fmt.Errorf("amount %q: %q is not a number of at least 0", token, valueText)
		}
		if err := add(trim(name), milli); err != nil {
			return err
		}
	}
	return nil
}

// tokenize splits at any of the separators and drops empty parts.
func tokenize(text, separators string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) })
}

// trim cuts white space off both ends.
func trim(s string) string { return strings.Trim(s, " \t\n\r\v\f") }

// bracketsMatch checks that brackets are balanced and never close before they open.
func bracketsMatch(text string, opening, closing byte) bool {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case opening:
			depth++
		case closing:
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}

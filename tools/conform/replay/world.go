package replay

import (
	"fmt"
	"net"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// World is what was recorded of one life of one master with its agent, in the
// order in which it happened.
type World struct {
	// Name is the master's port and the time of the first exchange.
	Name      string
	Exchanges []*Exchange
	start     time.Time
	port      int
	// infos are FrameworkInfos by id, which other worlds may tell.
	infos map[string]map[string]any
}

// ports of a recorded cluster: the master's ends in 0 or 2, its agent's is the next.
func recordedPort(e *Exchange) int {
	_, port, err := net.SplitHostPort(e.Request.Header("Host"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

// toAgent says whether an exchange was with the agent rather than the master.
func (e *Exchange) toAgent() bool {
	if p := recordedPort(e); p != 0 {
		return p%2 == 1
	}
	return strings.HasPrefix(e.Area, "agent") || strings.HasPrefix(e.Area, "executor")
}

// worldGap separates two worlds, unless the same master is seen on both sides.
const worldGap = time.Minute

// Worlds sorts exchanges into worlds and each world into its order.
func Worlds(all []*Exchange) []*World {
	byPort := map[int][]*Exchange{}
	ports := areaPorts(all)
	for _, e := range all {
		p := recordedPort(e)
		if p == 0 {
			p = ports[e.Area]
		}
		byPort[p&^1] = append(byPort[p&^1], e)
	}
	var worlds []*World
	for port, exchanges := range byPort {
		for _, part := range splitByGap(exchanges) {
			worlds = append(worlds, &World{Exchanges: part, port: port})
		}
	}
	for _, w := range worlds {
		w.start = w.Exchanges[0].at()
	}
	sort.Slice(worlds, func(i, j int) bool {
		a, b := worlds[i], worlds[j]
		if a.port != b.port {
			return a.port < b.port
		}
		return a.start.Before(b.start)
	})
	worlds = joinSameMaster(worlds)
	for _, w := range worlds {
		w.Exchanges = inTime(append(w.Exchanges, implied(w.Exchanges)...))
		w.Name = fmt.Sprintf("%d-%s", w.port, w.start.Format("150405"))
	}
	infos := map[string]map[string]any{}
	for _, w := range worlds {
		w.infos = infos
		for id, f := range remember(w).frameworks {
			if f.info != nil {
				infos[id] = f.info
			}
		}
	}
	return worlds
}

// areaPorts says where the exchanges of an area mostly went, for those that do not tell.
func areaPorts(all []*Exchange) map[string]int {
	ports := map[string]int{}
	for _, e := range all {
		if p := recordedPort(e); p != 0 && ports[e.Area] == 0 {
			ports[e.Area] = p
		}
	}
	return ports
}

// at is the second in which an exchange happened: its date, or what fillDates
// found.
func (e *Exchange) at() time.Time {
	if d := e.Date(); !d.IsZero() {
		return d
	}
	t, _ := time.Parse(time.RFC1123, e.Request.Header(guessedDate))
	return t
}

// guessedDate is a made-up header that dates an exchange without an answer. It
// is never sent.
const guessedDate = "Replay-Guessed-Date"

// fillDates gives exchanges without an answer the time of their neighbour in
// the sequence, or of any other of the area.
func fillDates(exchanges []*Exchange) {
	byArea := map[string][]*Exchange{}
	for _, e := range exchanges {
		byArea[e.Area] = append(byArea[e.Area], e)
	}
	for _, area := range byArea {
		sort.SliceStable(area, func(i, j int) bool { return number(area[i]) < number(area[j]) })
		for i, e := range area {
			if !e.at().IsZero() {
				continue
			}
			for d := 1; d < len(area); d++ {
				if t := neighbourDate(area, i-d, i+d); !t.IsZero() {
					e.Request.Headers = append(e.Request.Headers, [2]string{guessedDate, t.Format(time.RFC1123)})
					break
				}
			}
		}
	}
}

func neighbourDate(area []*Exchange, before, after int) time.Time {
	if before >= 0 && !area[before].Date().IsZero() {
		return area[before].Date()
	}
	if after < len(area) {
		return area[after].Date()
	}
	return time.Time{}
}

func splitByGap(exchanges []*Exchange) [][]*Exchange {
	fillDates(exchanges)
	sort.SliceStable(exchanges, func(i, j int) bool { return exchanges[i].at().Before(exchanges[j].at()) })
	var parts [][]*Exchange
	from := 0
	for i := 1; i <= len(exchanges); i++ {
		if i == len(exchanges) || exchanges[i].at().Sub(exchanges[i-1].at()) > worldGap {
			parts = append(parts, exchanges[from:i:i])
			from = i
		}
	}
	return parts
}

// masterID finds the id of the master that answered. A framework's id begins with
// that of the master that gave it, and the newest is given by the present one.
var (
	masterInfo = regexp.MustCompile(`"(?:master_info|leader_info)":\{"id":"(` + uuidPattern + `)"`)
	offerOf    = regexp.MustCompile(`(` + uuidPattern + `)-O\d+`)
)

func masterOf(exchanges []*Exchange) map[string]bool {
	ids := map[string]bool{}
	note := func(data []byte) {
		for _, m := range masterInfo.FindAllSubmatch(data, -1) {
			ids[string(m[1])] = true
		}
		for _, m := range offerOf.FindAllSubmatch(data, -1) {
			ids[string(m[1])] = true
		}
	}
	for _, e := range exchanges {
		note(e.Request.Body)
		note(e.Response.Body)
		for _, event := range e.Response.Events {
			note(event.Data)
		}
	}
	return ids
}

func joinSameMaster(worlds []*World) []*World {
	var joined []*World
	for _, w := range worlds {
		if len(joined) > 0 {
			last := joined[len(joined)-1]
			if last.port == w.port && overlap(masterOf(last.Exchanges), masterOf(w.Exchanges)) {
				last.Exchanges = append(last.Exchanges, w.Exchanges...)
				continue
			}
		}
		joined = append(joined, w)
	}
	return joined
}

func overlap(a, b map[string]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}

// Counted is how many of a world's exchanges are asked for.
func (w *World) Counted() int {
	n := 0
	for _, e := range w.Exchanges {
		if e.Counted {
			n++
		}
	}
	return n
}

// Merge adds to asked the exchanges of context that it lacks, as not counted.
// Where both hold the same exchange of the same run, asked wins.
func Merge(asked, context []*Exchange) []*Exchange {
	have := map[string]bool{}
	for _, e := range asked {
		have[e.Key()+e.Response.Header("Date")] = true
	}
	all := append([]*Exchange(nil), asked...)
	for _, e := range context {
		if !have[e.Key()+e.Response.Header("Date")] {
			c := e.Clone()
			c.Counted = false
			all = append(all, c)
		}
	}
	return all
}

package order

import (
	"cmp"
	"slices"
	"strconv"
)

// A Thread is a message and what answers it. Number 0 stands for a message that
// is not here, or that nobody has: its children belong together.
type Thread struct {
	Number   uint32
	Children []*Thread
}

// OrderedSubject is THREAD=ORDEREDSUBJECT: messages of one base subject are one
// thread, in the order of their dates (RFC 5256, section 3).
func OrderedSubject(messages []Message) []*Thread {
	type row struct {
		number  uint32
		subject string
		hidden  bool
		sent    int64
	}
	rows := make([]row, len(messages))
	for i := range messages {
		base, _ := BaseSubject(messages[i].Subject)
		rows[i] = row{messages[i].Number, Collate(base), messages[i].Hidden, messages[i].sent()}
	}
	bySent := func(a, b row) int { return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.number, b.number)) }
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.subject, b.subject), bySent(a, b)) })
	var threads []*Thread
	var firsts []row
	places := map[*Thread]int{}
	for i, r := range rows {
		t := &Thread{Number: r.number}
		if i > 0 && rows[i-1].subject == r.subject && !rows[i-1].hidden && !r.hidden {
			head := threads[len(threads)-1]
			head.Children = append(head.Children, t)
			continue
		}
		places[t] = len(firsts)
		threads, firsts = append(threads, t), append(firsts, r)
	}
	slices.SortFunc(threads, func(a, b *Thread) int { return bySent(firsts[places[a]], firsts[places[b]]) })
	return threads
}

// Write appends threads as a THREAD response has them: "(2)(3 6 (4 23)(44 7 96))".
func Write(out []byte, threads []*Thread) []byte {
	type frame struct {
		siblings []*Thread
		at       int
	}
	stack := []frame{{siblings: threads}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.at == len(top.siblings) {
			if stack = stack[:len(stack)-1]; len(stack) > 0 {
				out = append(out, ')')
			}
			continue
		}
		t := top.siblings[top.at]
		top.at++
		out = append(out, '(')
		first := true
		for {
			if t.Number != 0 {
				if !first {
					out = append(out, ' ')
				}
				out, first = strconv.AppendUint(out, uint64(t.Number), 10), false
			}
			if len(t.Children) != 1 {
				break
			}
			t = t.Children[0]
		}
		if len(t.Children) > 0 && !first {
			out = append(out, ' ')
		}
		stack = append(stack, frame{siblings: t.Children})
	}
	return out
}

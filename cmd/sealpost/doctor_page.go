package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A state is how something that was looked at is.
type state string

const (
	well state = "ok"
	warn state = "warn" // it works, and could be better
	bad  state = "bad"  // it does not work
)

// A finding is one thing that was looked at, and what to do about it.
type finding struct {
	Part   string `json:"part,omitempty"` // of a page
	Name   string `json:"name"`
	State  state  `json:"state"`
	Text   string `json:"text"`
	Fix    string `json:"fix,omitempty"`
	Record string `json:"record,omitempty"` // to be copied, after Fix
}

// ill says whether anything does not work.
func ill(all []finding) bool {
	for _, f := range all {
		if f.State == bad {
			return true
		}
	}
	return false
}

const (
	pageWidth = 80
	nameWidth = 13
)

// printFindings shows findings as a page: a heading for each part, a line for each
// finding, and below it what to do.
func printFindings(w io.Writer, l look, all []finding) {
	part := ""
	for _, f := range all {
		if f.Part != part {
			part = f.Part
			fmt.Fprintf(w, "\n%s%s%s\n", l.heading, part, l.end)
		}
		lines := wrap(printable(f.Text), pageWidth-nameWidth-5)
		fmt.Fprintf(w, "  %s %-*s %s\n", l.mark(f.State), nameWidth, f.Name, lines[0])
		indent := strings.Repeat(" ", nameWidth+5)
		for _, line := range lines[1:] {
			fmt.Fprintln(w, indent+line)
		}
		f.printAdvice(w, indent)
	}
}

// printAdvice says what to do; a record that does not fit behind it has a line of
// its own, to be copied whole.
func (f finding) printAdvice(w io.Writer, indent string) {
	if f.Fix == "" {
		return
	}
	width := pageWidth - len(indent) - 2
	text, below := printable(f.Fix+" "+f.Record), ""
	if f.Record != "" && utf8.RuneCountInString(text) > width {
		text, below = printable(f.Fix), printable(f.Record)
	}
	for i, line := range wrap(text, width) {
		fmt.Fprintf(w, "%s%-1s %s\n", indent, first(i, "→"), line)
	}
	if below != "" {
		fmt.Fprintln(w, "      "+below)
	}
}

// mark is a state in one character.
func (l look) mark(s state) string {
	sign, color := map[state]string{well: "✓", warn: "!", bad: "✗"}[s], map[state]string{well: "\x1b[32m", warn: "\x1b[33m", bad: "\x1b[31m"}[s]
	if l.end == "" {
		return sign
	}
	return color + sign + l.end
}

// wrap breaks a text into lines of at most so many letters, but never a word: a
// record or a path is to be copied whole.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

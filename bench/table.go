package main

import (
	"strings"
	"unicode/utf8"
)

// A table is written in Markdown, in columns that line up as plain text too.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text), 3)
		}
	}
	var b strings.Builder
	writeRow(&b, widths, t.head)
	b.WriteString("|")
	for i, width := range widths {
		if i == 0 {
			b.WriteString(" " + strings.Repeat("-", width) + " |")
			continue
		}
		b.WriteString(" " + strings.Repeat("-", width-1) + ": |")
	}
	b.WriteString("\n")
	for _, row := range t.rows {
		writeRow(&b, widths, row)
	}
	return b.String()
}

// writeRow aligns the first column left and the figures right.
func writeRow(b *strings.Builder, widths []int, row []string) {
	b.WriteString("|")
	for i, width := range widths {
		text := ""
		if i < len(row) {
			text = row[i]
		}
		space := strings.Repeat(" ", width-utf8.RuneCountInString(text))
		if i == 0 {
			b.WriteString(" " + text + space + " |")
			continue
		}
		b.WriteString(" " + space + text + " |")
	}
	b.WriteString("\n")
}

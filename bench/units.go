package main

import (
	"fmt"
	"strconv"
	"time"
)

func sizeName(size int) string {
	if size >= 1<<20 {
		return fmt.Sprintf("%d MB", size>>20)
	}
	return fmt.Sprintf("%d KB", size>>10)
}

// megabytes writes a dash for what was not measured.
func megabytes(n int64) string {
	if n <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func milliseconds(d time.Duration) string {
	return significant(float64(d)/float64(time.Millisecond)) + " ms"
}

// significant writes a figure with as many digits as it deserves: three, and
// none behind the point from a hundred on.
func significant(x float64) string {
	switch {
	case x >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
}

// ratio writes how often b fits into a; a dash when there is nothing to divide.
func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return "-"
	}
	return significant(a/b) + "x"
}

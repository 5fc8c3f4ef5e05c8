package plan

// Nearest is the known name that a misspelt one most likely means: at most two
// letters away (one for short names), by optimal string alignment.
func Nearest(name string, known []string) (string, bool) {
	best, limit := "", 2
	if len(name) < 4 {
		limit = 1
	}
	for _, k := range known {
		if d := distance(name, k, limit); d <= limit {
			best, limit = k, d-1
		}
	}
	return best, best != ""
}

// distance counts insertions, deletions, replacements and swaps of neighbours;
// above limit it may stop counting.
func distance(a, b string, limit int) int {
	s, t := []rune(a), []rune(b)
	if len(s)-len(t) > limit || len(t)-len(s) > limit {
		return limit + 1
	}
	rows := [3][]int{make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(s); i++ {
		before, last, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = last, row, before
	}
	return rows[1][len(t)]
}

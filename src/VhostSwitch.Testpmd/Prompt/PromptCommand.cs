namespace VhostSwitch.Testpmd.Prompt;

/// <summary>A command of the prompt.</summary>
/// <param name="Section">The section of <c>help</c> it stands in.</param>
/// <param name="Pattern">
/// Its words: small letters are typed as they are, one of several with <c>|</c> between, capitals stand for a value, brackets for what may be left
/// out. What is chosen and given is handed over in order, an empty word for what is left out.
/// </param>
/// <param name="Help">What it does.</param>
/// <param name="Run">Carries it out.</param>
internal sealed record PromptCommand(string Section, string Pattern, string Help, Action<string[]> Run)
{
    private readonly string[] _words = Pattern.Split(' ');

    /// <summary>Compares a line with the pattern.</summary>
    /// <param name="line">The line's words.</param>
    /// <returns>The words that are handed over; null where the line is another command.</returns>
    public string[]? Match(IReadOnlyList<string> line)
    {
        var values = new List<string>();
        int at = 0;
        foreach (string pattern in _words)
        {
            bool optional = IsOptional(pattern);
            string word = optional ? pattern[1..^1] : pattern;
            bool fits = at < line.Count && Fits(word, line[at]);
            if (!fits && !optional) return null;
            if (optional || IsValue(word) || word.Contains('|', StringComparison.Ordinal)) values.Add(fits ? line[at] : "");
            if (fits) at++;
        }
        return at == line.Count ? [.. values] : null;
    }

    /// <summary>The words that may come next.</summary>
    /// <param name="line">The words before.</param>
    public IEnumerable<string> Next(IReadOnlyList<string> line)
    {
        int at = 0;
        for (int i = 0; i < _words.Length; i++)
        {
            string word = IsOptional(_words[i]) ? _words[i][1..^1] : _words[i];
            if (at == line.Count)
            {
                foreach (string choice in IsValue(word) ? [] : word.Split('|'))
                    yield return choice;
                if (!IsOptional(_words[i])) yield break;
                continue;
            }
            if (Fits(word, line[at])) at++;
            else if (!IsOptional(_words[i])) yield break;
        }
    }

    /// <summary>True where a line begins as this command does.</summary>
    /// <param name="line">The line's words, at least one.</param>
    /// <param name="count">How many words are compared.</param>
    public bool BeginsLike(IReadOnlyList<string> line, int count) => count <= _words.Length && count <= line.Count
        && Enumerable.Range(0, count).All(i => Fits(_words[i].Trim('[', ']'), line[i]));

    private static bool IsOptional(string word) => word[0] == '[';

    private static bool IsValue(string word) => char.IsAsciiLetterUpper(word[0]);

    private static bool Fits(string pattern, string word) =>
        IsValue(pattern) ? !word.StartsWith("--", StringComparison.Ordinal) : pattern.Split('|').Contains(word);
}

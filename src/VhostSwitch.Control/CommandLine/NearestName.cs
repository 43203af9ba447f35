namespace VhostSwitch.Control.CommandLine;

/// <summary>Finds the name that somebody may have meant.</summary>
internal static class NearestName
{
    /// <summary>The name with the fewest letters to change.</summary>
    /// <param name="given">What was written.</param>
    /// <param name="known">The names there are.</param>
    /// <returns>Null when nothing is near: a one-letter option only resembles the same letter in the other case.</returns>
    public static string? Of(string given, IEnumerable<string> known)
    {
        bool isShort = IsShort(given);
        var nearest = known
            .Where(name => IsShort(name) == isShort)
            .Select(name => (Name: name, Distance: Distance(given.ToLowerInvariant(), name.ToLowerInvariant())))
            .OrderBy(candidate => candidate.Distance)
            .ThenBy(candidate => candidate.Name, StringComparer.Ordinal)
            .FirstOrDefault();
        return nearest.Name is null || (isShort && nearest.Distance > 0) ? null : nearest.Name;
    }

    private static bool IsShort(string name) => name.Length == 2 && name[0] == '-' && name[1] != '-';

    // Levenshtein's distance, one row at a time.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}

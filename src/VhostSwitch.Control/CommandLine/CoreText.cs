namespace VhostSwitch.Control.CommandLine;

/// <summary>Lists of cores for people.</summary>
internal static class CoreText
{
    /// <summary>For example "core 3" or "cores 0-3,6".</summary>
    /// <param name="cores">Ascending.</param>
    public static string Cores(IReadOnlyList<int> cores) => $"{(cores.Count == 1 ? "core" : "cores")} {Ranges(cores)}";

    /// <summary>The verb to <see cref="Cores"/>.</summary>
    public static string AreNotPresent(IReadOnlyList<int> cores) => cores.Count == 1 ? "is not present" : "are not present";

    private static string Ranges(IReadOnlyList<int> cores)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (int core in cores)
        {
            if (ranges.Count > 0 && ranges[^1].Last == core - 1) ranges[^1] = (ranges[^1].First, core);
            else ranges.Add((core, core));
        }
        return string.Join(',', ranges.Select(range => range.First == range.Last ? $"{range.First}" : $"{range.First}-{range.Last}"));
    }
}

using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>A difference between what Open vSwitch and this switch say.</summary>
/// <param name="Step">The step of the script after which it was seen.</param>
internal sealed record Difference(string Step, DatabasePlace Place, string Theirs, string Ours)
{
    public override string ToString() => $"after {Step}: {Place}: {Theirs} there, {Ours} here";
}

/// <summary>A difference that the documentation lists: a row of its table, which is read as people read it.</summary>
/// <param name="Column">The column; <c>*</c> at its end stands for the rest.</param>
/// <param name="Where">The rows: the name of one, the type of interfaces, or the step after which it is so.</param>
internal sealed record ListedDifference(string Column, string Where, string Theirs, string Ours)
{
    private const string Heading = "### Differences";

    /// <summary>What a cell says that is not in backticks, and the values it stands for.</summary>
    private static readonly Dictionary<string, Regex> Kinds = new()
    {
        ["anything"] = new(""),
        ["none"] = new($"^{DatabaseContent.None}$"),
        ["a number"] = new("^-?[0-9]+$"),
        ["an address"] = new("^[0-9a-f:]{17}$"),
        ["a sentence"] = new(" "),
    };

    /// <summary>Reads them out of a document.</summary>
    public static IReadOnlyList<ListedDifference> Read(string document)
    {
        IEnumerable<string[]> rows =
            from line in File.ReadLines(Path.Combine(Repository.Root, document)).SkipWhile(line => line != Heading).Skip(1).TakeWhile(line => !line.StartsWith('#'))
            where line.StartsWith("| `", StringComparison.Ordinal)
            select line.Split('|', StringSplitOptions.TrimEntries);
        return [.. rows.Select(cells => new ListedDifference(cells[1].Trim('`'), cells[2], cells[3], cells[4]))];
    }

    public bool Is(Difference difference) =>
        (Column.EndsWith('*') ? difference.Place.Column.StartsWith(Column[..^1], StringComparison.Ordinal) : difference.Place.Column == Column)
        && (Where == "all" || Quoted(Where).All(word => word == difference.Place.Row || word == difference.Place.Type || word == difference.Step))
        && Says(Theirs, difference.Theirs) && Says(Ours, difference.Ours);

    /// <summary>True for what is so after a step and named for it.</summary>
    public bool IsOf(string step) => Where.EndsWith($"after `{step}`", StringComparison.Ordinal);

    public override string ToString() => $"{Column} | {Where} | {Theirs} | {Ours}";

    private static bool Says(string cell, string value) =>
        cell.StartsWith('`') ? Quoted(cell).Contains(value) : Kinds[cell].IsMatch(value);

    private static IEnumerable<string> Quoted(string cell) => Regex.Matches(cell, "`([^`]*)`").Select(match => match.Groups[1].Value);
}

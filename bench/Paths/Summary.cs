using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A goal, and what was found of it.</summary>
internal sealed record SummaryRow(string Row, string Wanted, Spread? Found, Verdict Verdict, string? MeasuredIn, string Command, string? Why);

/// <summary>What the reports in a folder say of the goals.</summary>
internal sealed record Summary(IReadOnlyList<SummaryRow> Rows)
{
    /// <summary>Reads all reports of a folder.</summary>
    public static Summary Read(DirectoryInfo folder)
    {
        var findings = (from file in folder.GetFiles("*.json")
                        from finding in JsonSerializer.Deserialize(File.ReadAllText(file.FullName), SummaryJson.Default.FindingsOnly)?.Findings ?? []
                        select (file.Name, Finding: finding)).ToList();
        return new Summary([.. Goal.All.Select(goal =>
        {
            var those = findings.Where(f => f.Finding.What == goal.What).ToList();
            var found = those.Where(f => f.Finding.Spread is not null).ToList();
            // The same may have been measured twice: that with the most samples counts, and of what must always be so the worst.
            var (name, counts) = found.OrderByDescending(f => goal.Always ? f.Finding.Spread!.Highest : f.Finding.Spread!.Count).FirstOrDefault();
            string? why = those.Select(f => f.Finding.Why ?? "measured, but no pair of samples tells").FirstOrDefault();
            return new SummaryRow(goal.Row, goal.Limit, counts?.Spread, goal.Judge(counts), name, goal.Command, why);
        })]);
    }

    public string ToJson() => JsonSerializer.Serialize(this, SummaryJson.Default.Summary);

    public override string ToString()
    {
        var text = new StringBuilder("| goal | wanted | found | |\n| --- | --- | --- | --- |\n");
        foreach (var row in Rows)
        {
            string found = row.Found is { } f ? $"{f.Median:0.00} ({f.Lowest:0.00} to {f.Highest:0.00}, {f.Count} samples)"
                : row.Why ?? $"not measured: `{row.Command}`";
            text.Append($"| {row.Row} | {row.Wanted} | {found} | {Tell(row.Verdict)} |\n");
        }
        return text.ToString();
    }

    private static string Tell(Verdict verdict) => verdict switch
    {
        Verdict.Reached => "reached",
        Verdict.NotReached => "not reached",
        _ => "inconclusive",
    };
}

/// <summary>What every report has.</summary>
internal sealed record FindingsOnly(IReadOnlyList<Finding>? Findings);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(Summary))]
[JsonSerializable(typeof(FindingsOnly))]
internal sealed partial class SummaryJson : JsonSerializerContext;

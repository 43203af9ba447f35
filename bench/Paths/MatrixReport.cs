using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A sample of a case of the matrix.</summary>
internal sealed record MatrixSample(string Heading, string Case, Sample Sample);

/// <summary>The whole matrix: for people, as JSON, and as a picture.</summary>
internal sealed record MatrixReport(
    string Ours, string Peer, IReadOnlyList<MatrixSample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend, string Machine)
    : IReport
{
    /// <summary>The ratio of a case, by the name that it has in other reports.</summary>
    public static IEnumerable<Finding> FindingsOf(MatrixCase one, IReadOnlyList<MatrixSample> samples, string ours, string peer)
    {
        var its = samples.Where(s => s.Case == one.Name).Select(s => s.Sample).ToList();
        string what = $"{one.Settings.Name("lean guests", one.Settings.Frames)}: {ours} / {peer}";
        return Finding.Ratios(what, its, ours, peer, (a, b) => a.Mpps / b.Mpps);
    }

    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        $"Guest to guest, one switch core: frames a second over {Peer}'s (above 1: ahead), and million frames a second", Machine, "F2",
        [.. from row in Rows()
            where row.Ratios.Length != 0
            group new PlotBar(row.Case, row.Ratios, IsOurs: true, $"  ({row.Mpps:F1} Mpps)") by row.Heading],
        mark: 1);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, MatrixReportJson.Default.MatrixReport);

    public override string ToString()
    {
        var text = new ReportText();
        text.Line($"guest to guest between lean guests, medians of samples with the cores near each other, {Machine}");
        foreach (var one in Samples.GroupBy(s => (s.Heading, s.Case)))
        {
            text.Line($"  {one.Key.Heading}: {one.Key.Case}");
            foreach (var contender in one.Select(s => s.Sample).GroupBy(s => s.Contender))
            {
                var near = contender.Where(s => s.Place == Placement.Near).ToList();
                text.Line($"    {contender.Key,-14} "
                    + (near.Count == 0 ? "inconclusive: no sample with the cores near each other" : Report.Tell(near)));
            }
        }
        return text.End(Findings, Legend);
    }

    private IEnumerable<(string Heading, string Case, double[] Ratios, double Mpps)> Rows() =>
        from one in Samples
        where one.Sample.Place == Placement.Near
        group one.Sample by (one.Heading, one.Case) into g
        let pairs = from a in g where a.Contender == Ours from b in g where b.Contender == Peer && b.Round == a.Round select (a, b)
        select (g.Key.Heading, g.Key.Case, pairs.Select(pair => pair.a.Mpps / pair.b.Mpps).ToArray(),
            Statistics.Median(g.Where(s => s.Contender == Ours).Select(s => s.Mpps).DefaultIfEmpty(0)));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(MatrixReport))]
internal sealed partial class MatrixReportJson : JsonSerializerContext;

using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run of idle switches: for people, as JSON, and as a picture.</summary>
internal sealed record IdleReport(
    string Ours, Settings Settings, IReadOnlyList<IdleSample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend, string Machine)
    : IReport
{
    private static readonly string Trickle = $"{Idle.TrickleRate:N0} frames/s";

    // Processor time does not depend on where the cores are as rates do, so samples of every place count.
    private static readonly (string Name, Func<IdleSample, double> Value)[] Figures =
    [
        ("percent of a core without frames", s => s.IdlePercent), ($"percent of a core with {Trickle}", s => s.TricklePercent),
        ($"p50 with {Trickle}, us", s => s.P50Us), ($"p99 with {Trickle}, us", s => s.P99Us),
    ];

    /// <summary>Each figure of each contender.</summary>
    public static IReadOnlyList<Finding> FindingsOf(IReadOnlyList<IdleSample> samples) =>
    [
        .. from figure in Figures
           from sample in samples
           group figure.Value(sample) by (figure.Name, sample.Contender, sample.Ports) into g
           select new Finding($"{g.Key.Ports} ports, {g.Key.Name}: {g.Key.Contender}", Spread.Of(g)),
    ];

    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        "A switch with idle ports: processor time and latency (lower is better)", Machine, "F2",
        [.. from figure in Figures
            from sample in Samples
            group figure.Value(sample) by (figure.Name, sample.Contender, sample.Ports) into g
            group new PlotBar($"{g.Key.Contender}, {g.Key.Ports} ports", [.. g], g.Key.Contender == Ours) by g.Key.Name],
        oneScale: false);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, IdleReportJson.Default.IdleReport);

    public override string ToString()
    {
        var text = new ReportText();
        text.Line($"switches with idle ports, {Settings.Ring}{Settings.Unusual}, {Machine}");
        return text.End(Findings, Legend);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(IdleReport))]
internal sealed partial class IdleReportJson : JsonSerializerContext;

using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run of settings of the runtime: for people, as JSON, and as a picture.</summary>
internal sealed record SettingsReport(
    Settings Settings, IReadOnlyList<SettingsSample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend, string Machine) : IReport
{
    // Of the first frames there may be none: a frame a millisecond.
    private const double Least = 0.001;

    // Start-up does not depend on where the cores are as rates do.
    private static readonly (string Name, Func<SettingsSample, double> Value, bool Anywhere)[] Figures =
    [
        ("serves after, ms", s => s.StartMs, true),
        ("first frame, ms", s => s.FirstFrameMs, true),
        ("Mpps in the first 10 ms", s => s.FirstMpps, false),
        ("Mpps later", s => s.Mpps, false),
    ];

    /// <summary>Each setting over what is shipped, in samples of the same round.</summary>
    public static IReadOnlyList<Finding> FindingsOf(IReadOnlyList<SettingsSample> samples) =>
    [
        .. from figure in Figures
           from name in samples.Select(s => s.Contender).Distinct()
           where name != RuntimeSettings.Shipped
           from finding in Finding.Ratios(
               $"{figure.Name}: {name} / {RuntimeSettings.Shipped}", samples, name, RuntimeSettings.Shipped, (a, b) => figure.Value(a) / Math.Max(figure.Value(b), Least))
           select finding,
    ];

    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        "Settings of the runtime: start-up and rates, lean guests", Machine, "F1",
        [.. from figure in Figures
            from sample in Samples
            where figure.Anywhere || sample.Place == Placement.Near
            group figure.Value(sample) by (figure.Name, sample.Contender) into g
            group new PlotBar(g.Key.Contender, [.. g], g.Key.Contender == RuntimeSettings.Shipped) by g.Key.Name],
        oneScale: false);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, SettingsReportJson.Default.SettingsReport);

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"settings of the runtime, {Settings.Frames.Name}, {Settings.Ring}{Settings.Unusual}, {Machine}");
        foreach (var contender in Samples.GroupBy(s => s.Contender))
        {
            var near = contender.Where(s => s.Place == Placement.Near).ToList();
            string rates = near.Count == 0 ? "no sample with the cores near each other"
                : $"{Statistics.Median(near.Select(s => s.FirstMpps)):F2} Mpps in the first 10 ms, {Statistics.Median(near.Select(s => s.Mpps)):F2} later, "
                    + $"medians of {near.Count}";
            Line($"  {contender.Key,-46} serves after {Statistics.Median(contender.Select(s => s.StartMs)):F0} ms; first frame "
                + $"{Statistics.Median(contender.Select(s => s.FirstFrameMs)):F1} ms; {rates}");
        }
        foreach (var finding in Findings)
            Line($"  {finding.Tell()}");
        foreach (string line in Legend)
            Line($"  {line}");
        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(SettingsReport))]
internal sealed partial class SettingsReportJson : JsonSerializerContext;

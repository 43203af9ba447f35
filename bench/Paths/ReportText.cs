using System.Text;

namespace VhostSwitch.Bench.Paths;

/// <summary>A report for people, line by line.</summary>
internal sealed class ReportText
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds a line.</summary>
    public void Line(string line) => _text.Append(line).Append('\n');

    /// <summary>Adds what every report ends with.</summary>
    /// <param name="findings">What was found.</param>
    /// <param name="legend">What the contenders were.</param>
    /// <returns>The whole report.</returns>
    public string End(IEnumerable<Finding> findings, IEnumerable<string> legend)
    {
        foreach (var finding in findings) Line($"  {finding.Tell()}");
        foreach (string line in legend) Line($"  {line}");
        return _text.ToString();
    }
}

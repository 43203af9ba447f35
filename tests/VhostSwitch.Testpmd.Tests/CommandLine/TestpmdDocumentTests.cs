using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Modes;
using VhostSwitch.Testpmd.Tests.Prompt;

namespace VhostSwitch.Testpmd.Tests.CommandLine;

/// <summary>docs/testpmd.md names every option, mode and command, and no others.</summary>
public sealed class TestpmdDocumentTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Root(), "docs", "testpmd.md"));

    [Fact]
    public void EveryOptionIsNamed()
    {
        var options = new TestpmdOptions();
        Assert.All(options.Effective, option => Assert.Matches($"(?m)^\\|.*`{option.Name}[ `]", Document));
        string withoutEffect = Part("Taken and said to have no effect:"), refused = Part("Refused:");
        Assert.Equal(options.NamesWithoutEffect.Order(), Names(withoutEffect).Order());
        Assert.Equal(options.NamesNotBuilt.Order(), Names(refused).Order());
    }

    [Fact]
    public void EveryModeIsNamed() =>
        Assert.All(ForwardModes.All.Select(mode => mode.Name).Append(ForwardModes.MacRetry), name =>
            Assert.Contains($"| `{name}` |", Document, StringComparison.Ordinal));

    [Fact]
    public void EveryCommandIsNamed()
    {
        using var rig = new SessionRig("--vdev net_null0");
        Assert.All(rig.Commands, command =>
            Assert.Contains($"| `{command.Pattern.Replace("|", "\\|", StringComparison.Ordinal)}` |", Document, StringComparison.Ordinal));
    }

    private static string Part(string start)
    {
        int from = Document.IndexOf(start, StringComparison.Ordinal);
        return Document[from..Document.IndexOf("\n\n", from, StringComparison.Ordinal)];
    }

    private static IEnumerable<string> Names(string text) => text.Split('`').Where(word => word.StartsWith("--", StringComparison.Ordinal));

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "VhostSwitch.slnx")))
            folder = folder.Parent!;
        return folder.FullName;
    }
}

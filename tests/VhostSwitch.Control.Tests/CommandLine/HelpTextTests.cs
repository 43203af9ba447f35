using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class HelpTextTests
{
    private static readonly string Text = Write();

    [Fact]
    public void NamesEveryOption()
    {
        foreach (string name in new EalOptions().Names.Concat(new ApplicationOptions().Names))
            Assert.Contains(name, Text.Split([' ', ',', '\n']));
    }

    [Theory]
    [InlineData("Default: rte.")]
    [InlineData("Default: 4.")]
    [InlineData("Default: 15.")]
    [InlineData("Default: 32.")]
    [InlineData("Microseconds")]
    [InlineData("in MiB")]
    [InlineData("0  done")]
    [InlineData("2  bad command line")]
    [InlineData("/run/vhost-switch/")]
    public void NamesDefaultsUnitsAndExitCodes(string words) => Assert.Contains(words, Text);

    [Fact]
    public void ItsExamplesWork()
    {
        string[] examples = [.. Text.Split('\n').Where(line => line.StartsWith("  vhost-switch -", StringComparison.Ordinal) && !line.Contains('|'))];
        Assert.True(examples.Length >= 4);
        foreach (string example in examples)
            Line.Run(example.Trim()["vhost-switch".Length..]);
    }

    [Fact]
    public void EveryOptionIsExplained() =>
        Assert.All(new EalOptions().Effective.Concat(new ApplicationOptions().Options), option => Assert.EndsWith(".", option.Description));

    private static string Write()
    {
        var writer = new StringWriter();
        HelpText.Write(writer);
        return writer.ToString();
    }
}

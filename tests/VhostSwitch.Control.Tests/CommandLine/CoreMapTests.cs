using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class CoreMapTests
{
    [Theory]
    [InlineData("3", "3@3")]
    [InlineData("0,2-3", "0@0 2@2 3@3")]
    [InlineData("3-1", "1@1 2@2 3@3")]
    [InlineData("1,1", "1@1")]
    [InlineData("0@1,1@1", "0@1 1@1")]
    [InlineData("(0-3)@2", "0@2 1@2 2@2 3@2")]
    [InlineData("0-1@(4-5)", "0@4,5 1@4,5")]
    [InlineData("(0,6)", "0@0,6 6@0,6")]
    [InlineData("( 0 , 2 ) @ 1", "0@1 2@1")]
    [InlineData("1@2,1@3", "1@3")]
    [InlineData("1,2@(5-7),(3-5)@(0,2),(0,6),7-8", "0@0,6 1@1 2@5,6,7 3@0,2 4@0,2 5@0,2 6@0,6 7@7 8@8")]
    public void FollowsDpdksGrammar(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', CoreMap.Parse("--lcores", text).Select(lcore => $"{lcore.Lcore}@{string.Join(',', lcore.Cpus)}")));

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("1,")]
    [InlineData("1-")]
    [InlineData("-1")]
    [InlineData("(1")]
    [InlineData("1)")]
    [InlineData("1@")]
    [InlineData("()@1")]
    [InlineData("1@2@3")]
    [InlineData("((1))")]
    [InlineData("1 2")]
    public void RefusesWhatDoesNotFollowIt(string text) =>
        Assert.StartsWith($"Invalid argument for --lcores: '{text}' was given",
            Assert.Throws<CommandLineException>(() => CoreMap.Parse("--lcores", text)).Message);

    [Theory]
    [InlineData("1024")]
    [InlineData("0-99999999999")]
    public void RefusesNumbersBeyondTheHighestCore(string text) =>
        Assert.Contains("0 to 1023", Assert.Throws<CommandLineException>(() => CoreMap.Parse("-l", text)).Message);
}

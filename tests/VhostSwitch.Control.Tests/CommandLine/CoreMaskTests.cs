using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class CoreMaskTests
{
    [Theory]
    [InlineData("1", new[] { 0 })]
    [InlineData("f", new[] { 0, 1, 2, 3 })]
    [InlineData("0x5", new[] { 0, 2 })]
    [InlineData("0XF0", new[] { 4, 5, 6, 7 })]
    [InlineData("0001", new[] { 0 })]
    [InlineData("10000000000000000", new[] { 64 })]
    public void ReadsBitsAsCores(string text, int[] cores) => Assert.Equal(cores, CoreMask.Parse(text));

    [Fact]
    public void ReadsTheHighestCore() => Assert.Equal([1023], CoreMask.Parse("8" + new string('0', 255)));

    [Theory]
    [InlineData("")]
    [InlineData("0x")]
    [InlineData("xyz")]
    [InlineData("f,1")]
    [InlineData("-1")]
    public void RefusesWhatIsNoHexadecimalNumber(string text) =>
        Assert.StartsWith($"Invalid argument for -c: '{text}' was given", Assert.Throws<CommandLineException>(() => CoreMask.Parse(text)).Message);

    [Fact]
    public void RefusesAMaskWithoutABit() => Assert.Contains("no core", Assert.Throws<CommandLineException>(() => CoreMask.Parse("0x0")).Message);

    [Fact]
    public void RefusesCoresBeyondTheHighest() =>
        Assert.Contains("0 to 1023", Assert.Throws<CommandLineException>(() => CoreMask.Parse("1" + new string('0', 256))).Message);
}

using VhostSwitch.Ports.NetPcap;

namespace VhostSwitch.Ports.Tests.NetPcap;

public sealed class FrameRateTests
{
    [Theory]
    [InlineData("1", 1ul)]
    [InlineData("1000", 1000ul)]
    [InlineData("100k", 100_000ul)]
    [InlineData("1.5M", 1_500_000ul)]
    [InlineData("0.5k", 500ul)]
    [InlineData("1G", 1_000_000_000ul)]
    public void IsANumberWithItsUnit(string text, ulong rate) => Assert.Equal(new FrameRate(rate, Original: false), FrameRate.Parse(text));

    [Fact]
    public void MayBeThatOfTheCapture() => Assert.Equal(new FrameRate(0, Original: true), FrameRate.Parse("original"));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0.5")]
    [InlineData("-1")]
    [InlineData("k")]
    [InlineData("1e3")]
    [InlineData("2G")]
    [InlineData("1,5M")]
    [InlineData("79228162514264337593543950335G")]
    [InlineData("fast")]
    public void IsNothingElse(string text) => Assert.Null(FrameRate.Parse(text));
}

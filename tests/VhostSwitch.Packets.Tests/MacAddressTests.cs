namespace VhostSwitch.Packets.Tests;

public sealed class MacAddressTests
{
    [Theory]
    [InlineData("00:01:02:03:04:05", 0x050403020100UL)]
    [InlineData("ff:ff:ff:ff:ff:ff", 0xffffffffffffUL)]
    [InlineData("A:b:0:1:2:3", 0x030201000b0aUL)]
    public void ReadsSixBytesWithTheFirstOneLowest(string text, ulong value) => Assert.Equal(value, MacAddress.Parse(text).Value);

    [Theory]
    [InlineData("")]
    [InlineData("00:01:02:03:04")]
    [InlineData("00:01:02:03:04:05:06")]
    [InlineData("00:01:02:03:04:")]
    [InlineData("00:01:02:03:04:005")]
    [InlineData("00:01:02:03:04:0g")]
    [InlineData("00:01:02:03:04:+5")]
    [InlineData("00-01-02-03-04-05")]
    [InlineData(" 0:01:02:03:04:05")]
    public void RefusesWhatIsNoAddress(string text)
    {
        Assert.False(MacAddress.TryParse(text, out _));
        Assert.Contains($"'{text}' is no MAC address", Assert.Throws<FormatException>(() => MacAddress.Parse(text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WritesItselfAsItIsRead() => Assert.Equal("00:1a:ff:03:04:05", MacAddress.Parse("00:1A:ff:3:4:5").ToString());

    [Theory]
    [InlineData("01:00:5e:00:00:01", true)]
    [InlineData("ff:ff:ff:ff:ff:ff", true)]
    [InlineData("02:00:00:00:00:00", false)]
    public void KnowsGroupsByTheFirstBitOnTheWire(string text, bool isGroup) => Assert.Equal(isGroup, MacAddress.Parse(text).IsGroup);
}

namespace VhostSwitch.Packets.Tests;

public sealed class ReverseArpTests
{
    [Fact]
    public void IsTheFrameThatDpdkSends()
    {
        byte[] frame = [.. Enumerable.Repeat((byte)0xee, ReverseArp.Length + 4)];
        Assert.Equal(ReverseArp.Length, ReverseArp.Write(frame, MacAddress.Parse("52:54:00:12:34:56")));
        byte[] mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
        byte[] expected =
        [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, .. mac, 0x80, 0x35,
            0, 1, 0x08, 0x00, 6, 4, 0, 3,
            .. mac, 0, 0, 0, 0,
            .. mac, 0, 0, 0, 0,
            .. new byte[22],
        ];
        Assert.Equal(expected, frame[..ReverseArp.Length]);
    }

    [Fact]
    public void WritesNothingBehindItsLength()
    {
        byte[] frame = [.. Enumerable.Repeat((byte)0xee, ReverseArp.Length + 4)];
        ReverseArp.Write(frame, MacAddress.Broadcast);
        Assert.All(frame[ReverseArp.Length..], b => Assert.Equal(0xee, b));
    }
}

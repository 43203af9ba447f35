using FsCheck;
using FsCheck.Fluent;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Packets.Tests;

public sealed unsafe class InternetChecksumTests
{
    private const int MaxLength = 300;

    [Fact]
    public void IsThatOfTheExampleInRfc1071()
    {
        byte[] bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        Assert.Equal([0x22, 0x0d], BitConverter.GetBytes(Of(bytes, bytes.Length)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(65535)]
    public void CarriesComeRound(int length)
    {
        byte[] bytes = [.. Enumerable.Repeat((byte)0xff, length)];
        Assert.Equal(Reference(bytes), Of(bytes, length));
    }

    [Fact]
    public void StandsForNoChecksumByAllOnes()
    {
        byte[] bytes = [0xff, 0xff];
        var sum = new InternetChecksum();
        fixed (byte* at = bytes)
            sum.Add(at, 2);
        Assert.Equal((0, 0xffff, 0xffff), (sum.Value, sum.NonZeroValue, sum.Partial));
    }

    [Fact]
    public void NumbersCountAsTheyStandInHeaders()
    {
        var sum = new InternetChecksum();
        sum.AddNumber(0x1234);
        sum.AddNumber(0xf000);
        Assert.Equal(Reference([0x12, 0x34, 0xf0, 0x00]), sum.Value);
    }

    [Fact]
    public void IsTheSameInPiecesOfAnyLengthAndReadsNothingBehindThem()
    {
        using var from = new GuardedMemory(MaxLength);
        using var to = new GuardedMemory(MaxLength);
        var cases = from length in Gen.Choose(0, MaxLength)
                    from bytes in Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf(length)
                    from pieces in Gen.Choose(0, 70).ArrayOf(5)
                    select (bytes, pieces);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            var read = new InternetChecksum();
            var copied = new InternetChecksum();
            int at = 0;
            byte[] copy = new byte[c.bytes.Length];
            foreach (int piece in c.pieces.Append(c.bytes.Length))
            {
                int length = Math.Min(piece, c.bytes.Length - at);
                byte* source = from.Put(c.bytes.AsSpan(at, length));
                byte* target = to.LastBytes(length);
                read.Add(source, (uint)length);
                copied.AddCopy(target, source, (uint)length);
                new Span<byte>(target, length).CopyTo(copy.AsSpan(at));
                at += length;
            }
            Assert.Equal(Reference(c.bytes), read.Value);
            Assert.Equal(Reference(c.bytes), copied.Value);
            Assert.Equal(c.bytes, copy);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private static ushort Of(byte[] bytes, int length)
    {
        var sum = new InternetChecksum();
        fixed (byte* at = bytes)
            sum.Add(at, (uint)length);
        return sum.Value;
    }

    // Word by word, as RFC 1071 says it; as it lies in memory.
    private static ushort Reference(byte[] bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += (uint)((bytes[i] << 8) | (i + 1 < bytes.Length ? bytes[i + 1] : 0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((ushort)~sum);
    }
}

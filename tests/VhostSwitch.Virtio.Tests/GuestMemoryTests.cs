using Xunit;

namespace VhostSwitch.Virtio.Tests;

/// <summary>Translation with a length, on regions that adjoin for the guest and lie anywhere in this process. The addresses are never followed.</summary>
public sealed unsafe class GuestMemoryTests
{
    private const ulong HostA = 0x7000_0000, HostB = 0x5000_0000, HostC = 0x6000_0000;

    private static readonly MemoryRegion A = new(new GuestAddress(0x1000), 0x1000, 0x10_1000, unchecked((nuint)HostA));
    private static readonly MemoryRegion B = new(new GuestAddress(0x2000), 0x1000, 0x10_9000, unchecked((nuint)HostB));
    private static readonly MemoryRegion C = new(new GuestAddress(0x8000), 0x1000, 0x10_2000, unchecked((nuint)HostC));

    private readonly GuestMemory _memory = new([C, B, A]);

    [Theory]
    [InlineData(0x1000ul, 0x1000ul, HostA, 0x1000ul)]
    [InlineData(0x1fffUL, 1ul, HostA + 0xfff, 1ul)]
    [InlineData(0x1fffUL, 2ul, HostA + 0xfff, 1ul)]
    [InlineData(0x1800ul, ulong.MaxValue, HostA + 0x800, 0x800ul)]
    [InlineData(0x2000ul, 1ul, HostB, 1ul)]
    [InlineData(0x8fffUL, 0x1000ul, HostC + 0xfff, 1ul)]
    [InlineData(0x1000ul, 0ul, HostA, 0ul)]
    public void Cve20181059TranslatesNoMoreThanLiesInOneRegion(ulong address, ulong length, ulong host, ulong contiguous)
    {
        Assert.Equal(host, (ulong)_memory.Translate(new GuestAddress(address), length, out ulong got));
        Assert.Equal(contiguous, got);
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(0xfffUL)]
    [InlineData(0x3000ul)]
    [InlineData(0x7fffUL)]
    [InlineData(0x9000ul)]
    [InlineData(ulong.MaxValue)]
    public void TranslatesNothingOutside(ulong address)
    {
        Assert.True(_memory.Translate(new GuestAddress(address), 1, out ulong contiguous) == null);
        Assert.Equal(0ul, contiguous);
    }

    [Theory]
    [InlineData(0x10_1000ul, 0x1000ul, HostA)]
    [InlineData(0x10_1fffUL, 1ul, HostA + 0xfff)]
    [InlineData(0x10_2000ul, 0x1000ul, HostC)]
    public void TranslatesAFrontEndRangeThatLiesWholeInARegion(ulong address, ulong length, ulong host) =>
        Assert.Equal(host, (ulong)_memory.TranslateFrontEnd(address, length));

    [Theory]
    [InlineData(0x10_1fffUL, 2ul)]
    [InlineData(0x10_1000ul, 0x1001ul)]
    [InlineData(0x10_1800ul, ulong.MaxValue)]
    [InlineData(0x10_0fffUL, 1ul)]
    [InlineData(0x1000ul, 1ul)]
    [InlineData(ulong.MaxValue, 2ul)]
    public void Cve20181059TranslatesNoFrontEndRangeThatLeavesItsRegion(ulong address, ulong length) =>
        Assert.True(_memory.TranslateFrontEnd(address, length) == null);

    [Fact]
    public void ReadsAcrossRegionsThatAdjoin()
    {
        byte[] low = [.. Enumerable.Repeat((byte)1, 16)], high = [.. Enumerable.Repeat((byte)2, 16)];
        fixed (byte* a = low, b = high)
        {
            var memory = new GuestMemory([new(new GuestAddress(16), 16, 16, (nuint)a), new(new GuestAddress(32), 16, 32, (nuint)b)]);
            byte[] read = new byte[8];
            Assert.True(memory.Read(new GuestAddress(28), read));
            Assert.Equal([1, 1, 1, 1, 2, 2, 2, 2], read);
            Assert.True(memory.Read(new GuestAddress(40), read));
            Assert.False(memory.Read(new GuestAddress(41), read));
            Assert.False(memory.Read(new GuestAddress(9), read));
        }
    }

    [Fact]
    public void RefusesToReadAroundTheEndOfAllAddresses()
    {
        // Memory at both ends of the address space does not adjoin.
        byte[] bytes = new byte[32];
        fixed (byte* p = bytes)
        {
            var memory = new GuestMemory([new(new GuestAddress(0), 16, 0, (nuint)p), new(new GuestAddress(unchecked(0ul - 16)), 16, unchecked(0ul - 16), (nuint)p + 16)]);
            Assert.True(memory.Read(new GuestAddress(unchecked(0ul - 16)), new byte[16]));
            Assert.False(memory.Read(new GuestAddress(unchecked(0ul - 8)), new byte[16]));
        }
    }

    [Fact]
    public void RefusesRegionsThatCannotBe()
    {
        Refused("is empty", A with { Size = 0 });
        Refused("wraps", A with { Start = new GuestAddress(unchecked(0ul - 0xfff)) });
        Refused("wraps", A with { FrontEndStart = unchecked(0ul - 0xfff) });
        Refused("overlap", A, B with { Start = new GuestAddress(0x1fff) });
        Refused("overlap", A, B with { FrontEndStart = 0x10_1fff });
        Refused("overlap", A, A);
        Refused("overlap", A with { Size = 0x2000 }, B);
    }

    [Fact]
    public void TakesARegionAtTheVeryEnd() =>
        Assert.Equal(1, new GuestMemory([A with { Start = new GuestAddress(unchecked(0ul - 0x1000)), FrontEndStart = unchecked(0ul - 0x1000) }]).Regions.Length);

    [Fact]
    public void FindsEveryAddressAmongManyRegions()
    {
        var memory = new GuestMemory([.. Enumerable.Range(0, 509).Select(i => new MemoryRegion(new GuestAddress((ulong)i * 0x2000), 0x1000, (ulong)i * 0x2000, unchecked((nuint)(HostA + ((ulong)i * 0x10000)))))]);
        for (int i = 0; i < 509; i++)
        {
            Assert.Equal(HostA + ((ulong)i * 0x10000) + 5, (ulong)memory.Translate(new GuestAddress(((ulong)i * 0x2000) + 5), 1, out _));
            Assert.True(memory.Translate(new GuestAddress(((ulong)i * 0x2000) + 0x1000), 1, out _) == null);
        }
    }

    [Fact]
    public void TheCachedRegionAnswersAsTheTableDoes()
    {
        var cache = new RegionCache(_memory);
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            ulong address = (ulong)random.Next(0, 0xa000);
            uint length = random.Next(4) == 0 ? uint.MaxValue - (uint)random.Next(100) : (uint)random.Next(0, 0x1800);
            byte* expected = _memory.Translate(new GuestAddress(address), length, out ulong contiguous);
            if (contiguous < length) expected = null;
            Assert.Equal((nuint)expected, (nuint)cache.Translate(address, length, write: false));
        }
        Assert.True(cache.Translate(ulong.MaxValue, 1, write: false) == null);
        Assert.True(cache.Translate(unchecked(0ul - 0x1000), uint.MaxValue, write: true) == null);
    }

    private static void Refused(string why, params MemoryRegion[] regions) =>
        Assert.Contains(why, Assert.Throws<ArgumentException>(() => new GuestMemory(regions)).Message, StringComparison.Ordinal);
}

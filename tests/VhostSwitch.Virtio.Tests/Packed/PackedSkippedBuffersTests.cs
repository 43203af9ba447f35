using VhostSwitch.Virtio.Packed;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Packed;

/// <summary>What a front-end skipped in a packed ring while it had no back-end.</summary>
/// <remarks>
/// Rings are written entry by entry. a and A: made available in a round with the wrap counter 0 and 1; u and U: used in such a round; with a +
/// behind it, the chain goes on in the next entry. The id of entry i is 100 + i.
/// </remarks>
public sealed unsafe class PackedSkippedBuffersTests
{
    private const ushort FirstId = 100;

    [Theory]
    [InlineData("U U A A u u", 2, true)]
    [InlineData("A A u u a a", 4, false)]
    [InlineData("A+ A A u u u", 0, true)]
    [InlineData("u u u u u u", 0, true)]
    [InlineData("U U U U U U", 0, false)]
    public void ThePositionIsWhereUsedEntriesEnd(string entries, int index, bool wrap)
    {
        var ring = Ring(entries);
        fixed (PackedDescriptor* at = ring)
        {
            Assert.Equal(At(index, wrap), PackedResynchronisation.Find(at, ring.Length, PackedPosition.Start, inOrder: false));
        }
    }

    /// <summary>QEMU took entry 0 for the position, and dropped what was there.</summary>
    [Theory]
    [InlineData("U A u u a a", 1, "U A u u u u", 2)]
    [InlineData("U U u u a a", 2, "U U u u u u", 2)]
    [InlineData("U A u a+ a a", 1, "U A u u a u", 2)]
    [InlineData("U U u u u a", 2, "U U u u u u", 1)]
    [InlineData("U A u u a+ a", 1, "U A u u u a", 1)]
    public void WhatTheFrontEndSkippedIsGivenBack(string before, int remembered, string after, int buffers)
    {
        var ring = Ring(before);
        fixed (PackedDescriptor* at = ring)
        {
            Assert.Equal(buffers, PackedSkippedBuffers.GiveBack(at, ring.Length, At(remembered, true)));
            Assert.Equal(At(remembered, true), PackedResynchronisation.Find(at, ring.Length, At(remembered, true), inOrder: false));
        }
        Assert.Equal(after, string.Join(' ', ring.Select(Letter)));
    }

    [Fact]
    public void AChainIsGivenBackByTheIdOfItsLastEntryAndNothingWasWritten()
    {
        var ring = Ring("U A u u a+ a");
        fixed (PackedDescriptor* at = ring)
            _ = PackedSkippedBuffers.GiveBack(at, ring.Length, At(1, true));
        Assert.Equal((FirstId + 5, 0u), (ring[4].Id, ring[4].Length));
    }

    [Theory]
    [InlineData("A u A u A u")]
    [InlineData("U a U a U a")]
    [InlineData("U U A A u u")]
    [InlineData("A A u u a a")]
    [InlineData("a+ a+ a+ a+ a+ a+")]
    [InlineData("A+ A+ A+ A+ A+ A+")]
    public void ARingThatLooksLikeNothingStaysAsItIs(string entries)
    {
        var ring = Ring(entries);
        var before = ring.ToArray();
        fixed (PackedDescriptor* at = ring)
        {
            for (int i = 0; i < 2 * ring.Length; i++)
                Assert.Equal(0, PackedSkippedBuffers.GiveBack(at, ring.Length, At(i % ring.Length, i >= ring.Length)));
        }
        Assert.Equal(before, ring);
    }

    private static PackedPosition At(int index, bool wrap) => new((ushort)(index | (wrap ? PackedLayout.WrapBit : 0)));

    private static PackedDescriptor[] Ring(string entries) => [.. entries.Split(' ').Select((entry, i) => new PackedDescriptor
    {
        Id = (ushort)(FirstId + i),
        Length = 60,
        Flags = (ushort)(entry[0] switch
        {
            'A' => PackedDescriptor.Available,
            'a' => PackedDescriptor.Used,
            'U' => PackedDescriptor.Available | PackedDescriptor.Used,
            _ => 0,
        } | (entry.EndsWith('+') ? Descriptor.HasNext : 0)),
    })];

    private static char Letter(PackedDescriptor entry) => (entry.Flags & (PackedDescriptor.Available | PackedDescriptor.Used)) switch
    {
        PackedDescriptor.Available => 'A',
        PackedDescriptor.Used => 'a',
        0 => 'u',
        _ => 'U',
    };
}

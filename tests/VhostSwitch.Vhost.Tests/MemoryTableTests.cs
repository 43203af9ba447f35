using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests;

public sealed class MemoryTableTests : IDisposable
{
    private const ulong Page = 4096;
    private const string Name = "memory-table";

    private readonly GuestMemoryMap _memory = new(Name);
    private readonly GuestMemoryFile _first;
    private readonly GuestMemoryFile _second;

    public MemoryTableTests()
    {
        _first = _memory.Add(0x10000, 4 * Page);
        _second = _memory.Add(0x40000, 4 * Page);
    }

    public void Dispose()
    {
        Assert.Equal(2, ProcessResources.MappingsOf(Name));
        _memory.Dispose();
    }

    [Fact]
    public unsafe void MapsARegionFromItsOffsetInTheFile()
    {
        using var table = Map(_first.Description);
        _memory.Write(0x10010, [1, 2, 3]);
        byte* at = table.Guest.Translate(new GuestAddress(0x10010), 3, out ulong contiguous);
        Assert.Equal(3ul, contiguous);
        Assert.Equal([1, 2, 3], new ReadOnlySpan<byte>(at, 3).ToArray());
    }

    [Fact]
    public void RefusesAnEmptyRegion() => Refused(_first.Description with { Size = 0 });

    [Theory]
    [InlineData(ulong.MaxValue, 4096ul)]
    [InlineData(ulong.MaxValue - 4095, 8192ul)]
    [InlineData(ulong.MaxValue, 1ul)]
    [InlineData(1UL << 63, 4096ul)]
    [InlineData(4096ul, ulong.MaxValue - 4095)]
    public void RefusesARegionWhoseOffsetAndSizeWrap(ulong size, ulong offset) =>
        // At the start of all addresses, so that no other sum wraps: the rest of it, a page of the file, could well be mapped.
        Refused(new RegionDescription(0, size, 0, offset));

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(1L << 40)]
    public void RefusesARegionThatEndsBehindItsFile(long more)
    {
        // The file has a guard of one page behind the region.
        string message = Refused(_first.Description with { Size = _first.Length + GuestMemoryFile.GuardLength + (ulong)more });
        Assert.Contains("of its file", message, StringComparison.Ordinal);
    }

    [Fact]
    public void TakesARegionThatEndsExactlyWithItsFile()
    {
        using var table = Map(_first.Description with { Size = _first.Length + GuestMemoryFile.GuardLength });
        Assert.Equal(1, table.Count);
    }

    [Fact]
    public void RefusesARegionThatWrapsAroundTheAddresses()
    {
        Assert.Contains("wraps", Refused(_first.Description with { GuestAddress = unchecked(0 - Page) }), StringComparison.Ordinal);
        Assert.Contains("wraps", Refused(_first.Description with { FrontEndAddress = unchecked(0 - Page) }), StringComparison.Ordinal);
    }

    [Fact]
    public void TakesARegionThatEndsWithTheAddresses()
    {
        using var table = Map(_first.Description with { GuestAddress = unchecked(0 - (4 * Page)) });
        Assert.Equal(1, table.Count);
    }

    [Fact]
    public void RefusesRegionsThatOverlap()
    {
        Assert.Contains("overlap", Refused(_first.Description, _second.Description with { GuestAddress = 0x13000 }), StringComparison.Ordinal);
        Assert.Contains("overlap", Refused(_first.Description, _second.Description with { FrontEndAddress = _first.FrontEndAddress + Page }), StringComparison.Ordinal);
    }

    [Fact]
    public void TakesRegionsThatAdjoin()
    {
        using var table = Map(_first.Description, _second.Description with { GuestAddress = 0x14000 });
        Assert.Equal(2, table.Count);
    }

    [Fact]
    public void RefusesWhatCannotBeMapped()
    {
        using var eventFd = EventFd.Create();
        Assert.Throws<VhostException>(() => MemoryTable.Map([_first.Description], [eventFd]));
    }

    [Fact]
    public void UnmapsWhatWasMappedBeforeTheRegionThatFails() => Refused(_first.Description, _second.Description with { Size = 1UL << 40 });

    [Fact]
    public void SharesAMappingAmongTablesUntilTheLastOneGoes()
    {
        var one = Map(_first.Description);
        var two = one.With(_second.Description, _second.File);
        one.Dispose();
        Assert.Equal(4, ProcessResources.MappingsOf(Name));
        var three = two.Without(_first.Description);
        two.Dispose();
        Assert.Equal(3, ProcessResources.MappingsOf(Name));
        Assert.Equal(0x40000ul, three.Guest.Regions[0].Start.Value);
        three.Dispose();
    }

    [Fact]
    public void RefusesToAddARegionThatOverlaps()
    {
        using var table = Map(_first.Description);
        Assert.Throws<VhostException>(() => table.With(_first.Description with { FrontEndAddress = 0 }, _first.File));
        Assert.Throws<VhostException>(() => table.With(_first.Description with { Size = Page }, _first.File));
        Assert.Equal(3, ProcessResources.MappingsOf(Name));
    }

    [Fact]
    public void KeepsARegionThatIsAddedAgain()
    {
        var table = Map(_first.Description);
        table = Replace(table, table.With(_first.Description, _first.File));
        Assert.Equal((1, 3), (table.Count, ProcessResources.MappingsOf(Name)));
        table = Replace(table, table.Without(_first.Description));
        table = Replace(table, table.Without(_first.Description));
        Assert.Equal((0, 2), (table.Count, ProcessResources.MappingsOf(Name)));
        table.Dispose();
    }

    [Fact]
    public void RemovesNoRegionThatDiffersInAnything()
    {
        using var table = Map(_first.Description);
        foreach (var other in new[] { _first.Description with { GuestAddress = 0 }, _first.Description with { Size = Page }, _first.Description with { FrontEndAddress = 0 } })
        {
            using var same = table.Without(other);
            Assert.Equal(1, same.Count);
        }
    }

    [Fact]
    public void HasFiveHundredAndNineSlots()
    {
        var table = MemoryTable.Empty;
        for (uint i = 0; i < MemoryTable.MaxSlots; i++)
            table = Replace(table, table.With(Slot(i), _first.File));
        Assert.Equal(509, table.Count);
        Assert.Contains("509", Assert.Throws<VhostException>(() => table.With(Slot(509), _first.File)).Message, StringComparison.Ordinal);
        table = Replace(table, table.Without(Slot(7)));
        table = Replace(table, table.With(Slot(600), _first.File));
        table.Dispose();
    }

    private static MemoryTable Replace(MemoryTable old, MemoryTable table)
    {
        old.Dispose();
        return table;
    }

    private static RegionDescription Slot(uint i) => new(0x100_0000 + (i * Page), Page, 0x7000_0000_0000 + (i * Page), Page);

    private MemoryTable Map(params ReadOnlySpan<RegionDescription> regions) => MemoryTable.Map(regions, [_first.File, _second.File]);

    private string Refused(params RegionDescription[] regions)
    {
        string message = Assert.Throws<VhostException>(() => Map(regions)).Message;
        Assert.Equal(2, ProcessResources.MappingsOf(Name));
        // People read this: it must not speak of the program's insides.
        Assert.DoesNotContain("Parameter", message, StringComparison.Ordinal);
        return message;
    }
}

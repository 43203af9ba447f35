using VhostSwitch.Linux;

namespace VhostSwitch.Ports.Tests;

public sealed unsafe class FrameMemoryTests
{
    private const int MiB = 1 << 20;
    private const nuint HugePage = 2 * MiB;

    [Fact]
    public void TakesNormalPagesWhereNoHugeOnesAreWanted()
    {
        var memory = new FrameMemory(hugePageSize: 0);
        using var taken = memory.Take(3 * MiB);
        Assert.Equal((0UL, 3UL * MiB), (memory.HugeBytes, memory.NormalBytes));
        Assert.Equal("own memory: 0 MiB in huge pages, 3 MiB in normal pages", memory.Describe());
        Assert.False(new ReadOnlySpan<byte>(taken.Address, 3 * MiB).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void SharedMemoryIsASealedFileAndFreeAgainOnceItIsDisposed()
    {
        var memory = new FrameMemory(hugePageSize: 0, limit: MiB);
        for (int i = 0; i < 3; i++)
        {
            var (file, mapping) = memory.TakeShared("test", MiB - 100);
            using (file)
            using (mapping)
            {
                Assert.Equal((MiB, (ulong)MiB), (file.FileSize(), memory.NormalBytes));
                Assert.True(file.IsSealedAgainstShrinking());
                Assert.False(new ReadOnlySpan<byte>(mapping.Address, MiB).ContainsAnyExcept((byte)0));
                Assert.Throws<PortException>(() => memory.TakeShared("test", 1));
            }
        }
        Assert.Equal(0ul, memory.NormalBytes);
    }

    [Fact]
    public void SharedMemoryGoesOnWithNormalPagesWhereHugeOnesAreUsedUp()
    {
        const string FreePages = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
        ulong tooMuch = HugePage * (1 + (File.Exists(FreePages) ? ulong.Parse(File.ReadAllText(FreePages)) : 0));
        var memory = new FrameMemory(HugePage);
        var (file, mapping) = memory.TakeShared("test", (nuint)tooMuch);
        using (file)
        using (mapping)
            Assert.Equal((0UL, tooMuch), (memory.HugeBytes, memory.NormalBytes));
    }

    [Fact]
    public void TakesNoMoreThanTheUserAllows()
    {
        var memory = new FrameMemory(hugePageSize: 0, limit: 4 * MiB);
        using var first = memory.Take(3 * MiB);
        var refused = Assert.Throws<PortException>(() => memory.Take(2 * MiB));
        Assert.Equal("2 MiB more are needed for frames, and of the 4 MiB that -m or --socket-mem allow 3 MiB are taken: allow more, or fewer and shorter queues", refused.Message);
        using var rest = memory.Take(MiB);
        Assert.Equal("own memory: 0 MiB in huge pages, 4 MiB in normal pages, of 4 MiB allowed", memory.Describe());
    }

    [Fact]
    public void GoesOnWithNormalPagesWhereHugeOnesAreUsedUp()
    {
        const string FreePages = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
        ulong tooMuch = HugePage * (1 + (File.Exists(FreePages) ? ulong.Parse(File.ReadAllText(FreePages)) : 0));
        var memory = new FrameMemory(HugePage);
        // Address space only: no page is touched.
        using var taken = memory.Take((nuint)tooMuch);
        Assert.Equal((0UL, tooMuch), (memory.HugeBytes, memory.NormalBytes));
        using var little = memory.Take(4096);
        Assert.Equal(tooMuch + 4096, memory.NormalBytes);
    }

    [Fact]
    public void AFolderThatIsNoHugetlbfsHasNoHugePages() => Assert.Equal((nuint)0, MemoryMapping.HugePageSizeOf(Path.GetTempPath()));
}

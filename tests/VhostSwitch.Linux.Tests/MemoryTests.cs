using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Linux.Tests;

public sealed unsafe class MemoryTests
{
    [Fact]
    public void AMemoryFileIsZeroedAndSealed()
    {
        using var file = SharedMemory.Create("sealed", 5000);
        Assert.Equal(5000, file.FileSize());
        Assert.True(file.IsSealedAgainstShrinking());
        using var mapping = MemoryMapping.OfFile(file, 5000);
        Assert.False(new ReadOnlySpan<byte>(mapping.Address, 5000).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void AnUnsealedMemoryFileSaysSo()
    {
        using var file = SharedMemory.CreateUnsealed("unsealed", 4096);
        Assert.False(file.IsSealedAgainstShrinking());
    }

    [Fact]
    public void TwoMappingsOfAFileShowTheSameBytes()
    {
        using var file = SharedMemory.Create("twice", 4096);
        using var one = MemoryMapping.OfFile(file, 4096);
        using var two = MemoryMapping.OfFile(file, 4096);
        one.Address[100] = 7;
        Assert.Equal(7, two.Address[100]);
    }

    [Fact]
    public void AMappingIsGivenBackOnce()
    {
        using var file = SharedMemory.Create("given-back", 4096);
        var mapping = MemoryMapping.OfFile(file, 4096);
        Assert.Equal(1, ProcessResources.MappingsOf("given-back"));
        mapping.Dispose();
        mapping.Dispose();
        Assert.Equal(0, ProcessResources.MappingsOf("given-back"));
    }

    [Fact]
    public void MemoryOfThisProcessIsZeroedAndRoundedUpToPages()
    {
        using var mapping = MemoryMapping.Anonymous(5000, 0);
        Assert.Equal(8192u, (uint)mapping.Length);
        Assert.False(new ReadOnlySpan<byte>(mapping.Address, 8192).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void AnErrorHasTheCallAndTheSystemsText()
    {
        var exception = Assert.Throws<LinuxException>(() => MemoryMapping.OfFile(new FileDescriptor(-1), 4096));
        Assert.Equal("fstatfs of a shared file: Bad file descriptor", exception.Message);
    }
}

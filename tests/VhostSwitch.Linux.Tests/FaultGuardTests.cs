using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Linux.Tests;

/// <summary>A memory file that its owner truncates costs whoever has mapped it guarded nothing but the rest of the file.</summary>
public sealed unsafe class FaultGuardTests
{
    private const int HugeShift = 21;
    private const int GiganticShift = 30;

    public FaultGuardTests() => Assert.SkipUnless(MemoryMapping.PeerFilesAreGuarded, "no handler for this processor");

    [Fact]
    public void WhatIsBeyondTheNewEndReadsAsZeros()
    {
        using var file = TruncatedFile.Create(4);
        using var mapping = file.MapGuarded();
        var bytes = Fill(mapping);
        file.Truncate(2);
        Assert.False(mapping.Faulted);
        int page = (int)file.PageSize;
        Assert.Equal(0, bytes[(3 * page) + 5]);
        Assert.True(mapping.Faulted);
        Assert.False(bytes[(2 * page)..].ContainsAnyExcept((byte)0));
        Assert.False(bytes[..(2 * page)].ContainsAnyExcept((byte)1));
    }

    [Fact]
    public void WhatIsWrittenBeyondTheNewEndReachesNobody()
    {
        using var file = TruncatedFile.Create(4);
        using var mapping = file.MapGuarded();
        file.Truncate(2);
        byte* at = mapping.Address + (2 * file.PageSize);
        *(ulong*)at = 7;
        Assert.True(mapping.Faulted);
        Assert.Equal(7ul, *(ulong*)at);
        file.Truncate(4);
        using var other = MemoryMapping.OfFile(file.File, file.Length);
        Assert.Equal(0ul, *(ulong*)(other.Address + (2 * file.PageSize)));
        // What is left of the file is still shared.
        mapping.Address[9] = 3;
        Assert.Equal(3, other.Address[9]);
    }

    [Fact]
    public void OneInstructionMayCrossTheNewEnd()
    {
        using var file = TruncatedFile.Create(2);
        using var mapping = file.MapGuarded();
        Fill(mapping);
        file.Truncate(1);
        var accumulated = Vector256.Create((byte)2);
        var read = Vector256.Load(mapping.Address + file.PageSize - 12);
        Assert.True(mapping.Faulted);
        for (int i = 0; i < Vector256<byte>.Count; i++)
            Assert.Equal(i < 12 ? 3 : 2, (accumulated + read)[i]);
    }

    [Fact]
    public void CopiesOfAllLengthsGoOn()
    {
        foreach (int length in (ReadOnlySpan<int>)[1, 15, 64, 200, 1500, 9000])
        {
            using var file = TruncatedFile.Create(4);
            using var mapping = file.MapGuarded();
            var bytes = Fill(mapping);
            file.Truncate(1);
            byte[] copy = new byte[length];
            Array.Fill(copy, (byte)9);
            bytes.Slice((int)file.PageSize - 1, length).CopyTo(copy);
            Assert.Equal(1, copy[0]);
            Assert.False(copy.AsSpan(1).ContainsAnyExcept((byte)0));
            Array.Fill(copy, (byte)9);
            copy.CopyTo(bytes[((int)file.PageSize - 1)..]);
            Assert.False(bytes.Slice((int)file.PageSize - 1, length).ContainsAnyExcept((byte)9));
        }
    }

    [Fact]
    public void HugePagesAreReplacedWhole()
    {
        Assert.SkipUnless(HugePagesFree() >= 3, "no huge pages of 2 MiB are free");
        using var file = TruncatedFile.CreateHuge(3, HugeShift, "truncated-huge");
        using var mapping = file.MapGuarded();
        var bytes = Fill(mapping);
        file.Truncate(1);
        int page = (int)file.PageSize;
        Assert.Equal(0, bytes[page + 12345]);
        Assert.True(mapping.Faulted);
        Assert.False(bytes[page..].ContainsAnyExcept((byte)0));
        Assert.False(bytes[..page].ContainsAnyExcept((byte)1));
        file.Truncate(0);
        Assert.Equal(0, bytes[page - 1]);
        mapping.Dispose();
        Assert.Equal(0, ProcessResources.MappingsOf("truncated-huge"));
    }

    [Fact]
    public void GiganticPagesAreReplacedWhole()
    {
        // There need not be any: a page that cannot be had is the same fault.
        using var file = TruncatedFile.CreateHuge(2, GiganticShift, "truncated-gigantic");
        using var mapping = file.MapGuarded();
        file.Truncate(0);
        Assert.Equal(0, mapping.Address[file.PageSize + 12345]);
        Assert.True(mapping.Faulted);
        Assert.Equal(1, ProcessResources.MappingsOf("truncated-gigantic"));
        Assert.Equal(0, mapping.Address[file.PageSize - 1]);
        Assert.Equal(0, ProcessResources.MappingsOf("truncated-gigantic"));
    }

    [Fact]
    public void AHugePageThatCannotBeHadIsAFaultOfItsMappingAlone()
    {
        Assert.SkipUnless(HugePagesFree() >= 1, "no huge pages of 2 MiB are free");
        using var file = TruncatedFile.CreateHuge(HugePagesFree() + 1, HugeShift);
        using var mapping = file.MapGuarded();
        for (nuint at = 0; at < file.Length && !mapping.Faulted; at += file.PageSize)
            mapping.Address[at] = 1;
        Assert.True(mapping.Faulted);
    }

    [Fact]
    public void FaultsAllOverAFileCostNoMappings()
    {
        // From the end and every second page: the worst that somebody can arrange who decides what is touched.
        const int Pages = 4000;
        using var file = TruncatedFile.Create(Pages);
        using var mapping = file.MapGuarded();
        file.Truncate(0);
        int before = ProcessResources.MappingsOf("");
        for (int page = Pages - 2; page >= 0; page -= 2)
            mapping.Address[(nuint)page * file.PageSize] = 1;
        Assert.True(mapping.Faulted);
        Assert.InRange(ProcessResources.MappingsOf("") - before, -Pages / 20, Pages / 20);
    }

    [Fact]
    public void OnlyTheMappingOfTheTruncatedFileIsFaulted()
    {
        const int Truncated = 57;
        var files = Enumerable.Range(0, 100).Select(_ => TruncatedFile.Create(1)).ToList();
        var mappings = files.ConvertAll(f => f.MapGuarded());
        // Entries that were used and are free lie between.
        for (int i = 0; i < 50; i += 2)
            mappings[i].Dispose();
        files[Truncated].Truncate(0);
        int sum = 0;
        for (int i = 1; i < 100; i += i < 50 ? 2 : 1)
            sum += mappings[i].Address[0];
        Assert.Equal(0, sum);
        Assert.Equal([Truncated], Enumerable.Range(0, 100).Where(i => mappings[i].Faulted));
        mappings.ForEach(m => m.Dispose());
        Assert.Equal([Truncated], Enumerable.Range(0, 100).Where(i => mappings[i].Faulted));
        files.ForEach(f => f.Dispose());
    }

    [Fact]
    public void AnEntryThatIsUsedAgainBeginsAnew()
    {
        using var file = TruncatedFile.Create(1);
        using var intact = TruncatedFile.Create(1);
        using (var mapping = file.MapGuarded())
        {
            file.Truncate(0);
            Assert.Equal(0, mapping.Address[0]);
            Assert.True(mapping.Faulted);
        }
        using var next = intact.MapGuarded();
        next.Address[0] = 1;
        Assert.False(next.Faulted);
    }

    [Fact]
    public void TooManyMappingsAreRefusedAndNoneIsLost()
    {
        using var file = TruncatedFile.Create(1, "one-of-many");
        var mappings = new List<MemoryMapping>();
        var refusal = Assert.Throws<LinuxException>(() =>
        {
            while (mappings.Count <= FaultGuard.Capacity)
                mappings.Add(file.MapGuarded());
        });
        Assert.StartsWith($"guarding a shared file: {FaultGuard.Capacity} mappings are guarded already", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(mappings.Count, ProcessResources.MappingsOf("one-of-many"));
        file.Truncate(0);
        Assert.Equal(0, mappings[^1].Address[0]);
        Assert.True(mappings[^1].Faulted);
        Assert.False(mappings[^2].Faulted);
        mappings.ForEach(m => m.Dispose());
        Assert.Equal(0, ProcessResources.MappingsOf("one-of-many"));
        using var next = file.MapGuarded();
        Assert.Equal(0, next.Address[0]);
        Assert.True(next.Faulted);
    }

    [Fact]
    public void ManyThreadsMayFaultAtOnce()
    {
        const int Pages = 512, Threads = 4;
        for (int round = 0; round < 20; round++)
        {
            using var file = TruncatedFile.Create(Pages);
            using var mapping = file.MapGuarded();
            using var start = new Barrier(Threads);
            int wrong = 0;
            file.Truncate(0);
            var threads = Enumerable.Range(0, Threads).Select(thread => new Thread(() =>
            {
                start.SignalAndWait();
                for (int page = Pages - 1 - thread; page >= 0; page -= 3)
                {
                    if (mapping.Address[(nuint)page * file.PageSize] != 0) Interlocked.Increment(ref wrong);
                }
            })).ToList();
            threads.ForEach(t => t.Start());
            threads.ForEach(t => t.Join());
            Assert.Equal(0, wrong);
            Assert.True(mapping.Faulted);
        }
    }

    [Fact]
    public void CollectionsGoOnWhileThreadsFault()
    {
        const int Files = 300, Pages = 16;
        bool done = false;
        int truncated = 0, wrong = 0;
        int collections = GC.CollectionCount(2);
        // One collection for each file, begun when the file has been truncated: in the midst of the faults.
        var collector = new Thread(() =>
        {
            for (int seen = 0; !Volatile.Read(ref done);)
            {
                if (Volatile.Read(ref truncated) == seen)
                {
                    Thread.Yield();
                    continue;
                }
                seen = Volatile.Read(ref truncated);
                GC.Collect();
            }
        });
        collector.Start();
        try
        {
            for (int i = 0; i < Files || GC.CollectionCount(2) < collections + 20; i++)
            {
                using var file = TruncatedFile.Create(Pages);
                using var mapping = file.MapGuarded();
                var bytes = Fill(mapping);
                file.Truncate(i % Pages);
                Volatile.Write(ref truncated, i + 1);
                // A reference that only this loop's registers hold, and one that moves, while the loop faults.
                byte[] copy = new byte[Pages * (int)file.PageSize];
                object?[] held = [new object(), copy];
                for (int page = Pages - 1; page >= 0; page--)
                {
                    bytes.Slice(page * (int)file.PageSize, (int)file.PageSize).CopyTo(copy.AsSpan(page * (int)file.PageSize));
                    held[0] = new string('x', page + 1);
                }
                for (int page = 0; page < Pages; page++)
                {
                    byte expected = page < i % Pages ? (byte)1 : (byte)0;
                    if (copy.AsSpan(page * (int)file.PageSize, (int)file.PageSize).ContainsAnyExcept(expected)) wrong++;
                }
                if (!mapping.Faulted || held[0] is not "x" || !ReferenceEquals(held[1], copy)) wrong++;
            }
        }
        finally
        {
            Volatile.Write(ref done, true);
            collector.Join();
        }
        Assert.Equal(0, wrong);
        Assert.True(GC.CollectionCount(2) - collections >= 20);
    }

    [Fact]
    public void TheRuntimeStillTurnsNullIntoAnException()
    {
        using var file = TruncatedFile.Create(1);
        using var mapping = file.MapGuarded();
        Assert.Throws<NullReferenceException>(() => LengthOf(null!));
    }

    [Fact]
    public void TheHandlerIsInstalledOnceAndKeepsTheRuntimesFlags()
    {
        using var file = TruncatedFile.Create(1);
        using var one = file.MapGuarded();
        Libc.sigaction_t first, second, segmentation;
        Assert.Equal(0, Libc.sigaction(Libc.SIGBUS, null, &first));
        using var two = file.MapGuarded();
        Assert.Equal(0, Libc.sigaction(Libc.SIGBUS, null, &second));
        Assert.Equal(first.sa_handler, second.sa_handler);
        Assert.NotEqual(0, first.sa_flags & Libc.SA_SIGINFO);
        Assert.NotEqual(0, first.sa_flags & Libc.SA_RESTART);
        Assert.True(new ReadOnlySpan<byte>((void*)first.sa_handler, FaultGuard.Code.Length).SequenceEqual(FaultGuard.Code));
        const int SIGSEGV = 11;
        Assert.Equal(0, Libc.sigaction(SIGSEGV, null, &segmentation));
        Assert.NotEqual(first.sa_handler, segmentation.sa_handler);
    }

    [Fact]
    public void TheHandlersPagesCannotBeWritten()
    {
        using var file = TruncatedFile.Create(1);
        using var mapping = file.MapGuarded();
        Libc.sigaction_t action;
        Assert.Equal(0, Libc.sigaction(Libc.SIGBUS, null, &action));
        string start = $"{action.sa_handler:x}-";
        string pages = Assert.Single(File.ReadLines("/proc/self/maps"), l => l.StartsWith(start, StringComparison.Ordinal));
        Assert.Contains(" r-xp ", pages, StringComparison.Ordinal);
    }

    [Fact]
    public void TheEmbeddedBytesAreWhatTheAssemblerMakes()
    {
        string folder = Directory.CreateTempSubdirectory("fault-guard-").FullName;
        try
        {
            string @object = Path.Combine(folder, "o"), code = Path.Combine(folder, "code");
            Tool("gcc", "-c", Path.Combine(AppContext.BaseDirectory, "FaultGuard.x64.S"), "-o", @object);
            Tool("objcopy", "-O", "binary", "-j", ".text", @object, code);
            Assert.Equal(Convert.ToHexString(File.ReadAllBytes(code)), Convert.ToHexString(FaultGuard.Code));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void TheSignalsStructureAndNumbersAreThoseOfC() =>
        Assert.Equal("", new CLayout("signal.h", "sys/mman.h", "sys/vfs.h", "linux/magic.h")
            .Size<Libc.sigaction_t>("struct sigaction")
            .Field<Libc.sigaction_t>(nameof(Libc.sigaction_t.sa_handler), "struct sigaction", "sa_handler")
            .Field<Libc.sigaction_t>(nameof(Libc.sigaction_t.sa_mask), "struct sigaction", "sa_mask")
            .Field<Libc.sigaction_t>(nameof(Libc.sigaction_t.sa_flags), "struct sigaction", "sa_flags")
            .Field<Libc.sigaction_t>(nameof(Libc.sigaction_t.sa_restorer), "struct sigaction", "sa_restorer")
            .Constant(Libc.SA_SIGINFO, "SA_SIGINFO").Constant(Libc.SA_ONSTACK, "SA_ONSTACK").Constant(Libc.SA_RESTART, "SA_RESTART")
            .Constant(Libc.SA_NODEFER, "SA_NODEFER").Constant(Libc.SIGBUS, "SIGBUS").Constant(Libc.PROT_EXEC, "PROT_EXEC")
            .Constant(Libc.HUGETLBFS_MAGIC, "HUGETLBFS_MAGIC")
            // What FaultGuard.x64.S has as numbers.
            .Constant(2, "BUS_ADRERR").Constant(8, "offsetof(siginfo_t, si_code)").Constant(16, "offsetof(siginfo_t, si_addr)")
            .Constant(0x4032, "MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE").Constant(3, "PROT_READ | PROT_WRITE")
            .Complaints());

    private static Span<byte> Fill(MemoryMapping mapping)
    {
        var bytes = new Span<byte>(mapping.Address, (int)mapping.Length);
        bytes.Fill(1);
        return bytes;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int LengthOf(string text) => text.Length;

    private static int HugePagesFree() => int.TryParse(Read("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"), out int free) ? free : 0;

    private static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : "";

    private static void Tool(string name, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardError = true })!;
        string complaints = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{name} ended with {process.ExitCode}: {complaints}");
    }
}

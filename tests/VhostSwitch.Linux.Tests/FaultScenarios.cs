using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VhostSwitch.Linux.Tests;

/// <summary>What ends a process, or may: each is run in one of its own.</summary>
internal static unsafe partial class FaultScenarios
{
    /// <summary>A fault in a mapping without a guard, where nothing was ever guarded.</summary>
    public const string NothingGuarded = "nothing-guarded";

    /// <summary>The same where another mapping is guarded.</summary>
    public const string AnotherGuarded = "another-guarded";

    /// <summary>The same at addresses that were guarded until the mapping there was given back.</summary>
    public const string GuardedBefore = "guarded-before";

    /// <summary>The same where nobody handled the signal before the guard.</summary>
    public const string NoHandlerBefore = "no-handler-before";

    /// <summary>A signal that somebody sent, with a guarded address in its sender's place.</summary>
    public const string Sent = "sent";

    /// <summary>A fault in a guarded mapping where the process may have no more memory than a little.</summary>
    public const string LittleMemory = "little-memory";

    /// <summary>A fault in a guarded mapping where the process may have no more memory at all.</summary>
    public const string NoMemory = "no-memory";

    private const int RLIMIT_DATA = 2;
    private const int SYS_rt_sigqueueinfo = 129;

    public static int Run(string scenario)
    {
        using var file = TruncatedFile.Create(2);
        switch (scenario)
        {
            case NothingGuarded:
                return Fault(file);
            case AnotherGuarded:
                using (file.MapGuarded()) return Fault(file);
            case GuardedBefore:
                var former = file.MapGuarded();
                var place = (nint)former.Address;
                former.Dispose();
                return Fault(file, place);
            case NoHandlerBefore:
                _ = Libc.signal(Libc.SIGBUS, Libc.SIG_DFL);
                goto case AnotherGuarded;
            case Sent:
                using (var mapping = file.MapGuarded()) return Send(mapping);
            case LittleMemory:
                return FaultWithLimit(1UL << 40, 64UL << 20);
            case NoMemory:
                return FaultWithLimit(1UL << 40, 0);
            default:
                throw new ArgumentException(scenario);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Fault(TruncatedFile file, nint place = 0)
    {
        const int MAP_FIXED_NOREPLACE = 0x100000;
        int flags = Libc.MAP_SHARED | (place == 0 ? 0 : MAP_FIXED_NOREPLACE);
        byte* at = (byte*)Libc.mmap((void*)place, file.Length, Libc.PROT_READ | Libc.PROT_WRITE, flags, file.File.Number, 0);
        if ((nint)at == -1) throw LinuxException.Last("mmap");
        file.Truncate(0);
        Console.WriteLine($"went on with {*at}");
        return 0;
    }

    private static int Send(MemoryMapping mapping)
    {
        const int SI_QUEUE = -1;
        byte* info = stackalloc byte[128];
        new Span<byte>(info, 128).Clear();
        *(int*)info = Libc.SIGBUS;
        *(int*)(info + 8) = SI_QUEUE;
        *(nint*)(info + 16) = (nint)mapping.Address;
        nint sent = syscall(SYS_rt_sigqueueinfo, Environment.ProcessId, Libc.SIGBUS, info);
        Console.WriteLine($"went on with {sent}, {mapping.Faulted}");
        return 0;
    }

    // The limit counts private memory that can be written, which the replaced pages are; so much of it is allowed beyond what there is.
    private static int FaultWithLimit(ulong length, ulong more)
    {
        using var file = SharedMemory.CreateUnsealed("large", (nuint)length);
        using var mapping = MemoryMapping.OfPeerFile(file, (nuint)length);
        _ = Libc.ftruncate(file.Number, 0);
        // What is needed later is made now.
        Console.WriteLine("begins");
        ulong* limits = stackalloc ulong[2];
        limits[0] = limits[1] = more == 0 ? 0 : UsedData() + more;
        if (setrlimit(RLIMIT_DATA, limits) < 0) throw LinuxException.Last("setrlimit");
        int read = mapping.Address[0] + mapping.Address[length - 1] + mapping.Address[length / 2];
        Console.WriteLine($"went on with {read}, {mapping.Faulted}");
        return 0;
    }

    private static ulong UsedData()
    {
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmData:", StringComparison.Ordinal));
        return ulong.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1]) << 10;
    }

    [LibraryImport("libc", SetLastError = true)] private static partial int setrlimit(int resource, void* limits);
    [LibraryImport("libc", SetLastError = true)] private static partial nint syscall(nint number, nint pid, nint signal, void* info);
}

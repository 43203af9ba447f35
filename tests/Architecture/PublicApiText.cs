using System.Reflection;
using System.Text;

namespace VhostSwitch.Architecture;

/// <summary>The public types and members of an assembly as text, a line each, in an order that does not depend on the source.</summary>
internal static class PublicApiText
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            text.Append(Header(type)).Append('\n');
            foreach (string line in Members(type).Distinct().Order(StringComparer.Ordinal))
                text.Append("    ").Append(line).Append('\n');
        }
        return text.ToString();
    }

    private static string Header(Type type)
    {
        string kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
            : type.IsValueType ? "struct" : type is { IsAbstract: true, IsSealed: true } ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";
        var bases = new List<string>();
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && !type.IsEnum) bases.Add(Name(parent));
        if (type.IsEnum) bases.Add(Name(Enum.GetUnderlyingType(type)));
        else bases.AddRange(type.GetInterfaces().Where(i => i.IsPublic || i.IsNestedPublic).Select(Name).Order(StringComparer.Ordinal));
        return $"{kind} {type.Namespace}.{Name(type)}{(bases.Count > 0 ? " : " + string.Join(", ", bases) : "")}{Constraints(type.GetGenericArguments())}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
            return type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => $"{f.Name} = {Convert.ToString(f.GetRawConstantValue(), null)}");
        return type.GetMembers(Declared).Select(Member).OfType<string>();
    }

    private static string? Member(MemberInfo member) => member switch
    {
        FieldInfo f when Visible(f.IsPublic, f.IsFamily || f.IsFamilyOrAssembly) && !f.IsSpecialName =>
            $"{(f.IsLiteral ? "const " : f.IsStatic ? "static " : "")}{(f.IsInitOnly ? "readonly " : "")}{Name(f.FieldType)}{Mark(Nullability.Create(f))} {f.Name}"
                + (f.IsLiteral ? $" = {Convert.ToString(f.GetRawConstantValue(), System.Globalization.CultureInfo.InvariantCulture)}" : ""),
        PropertyInfo p when p.GetAccessors(true).Any(Visible) =>
            $"{Modifiers(p.GetAccessors(true).First(Visible))}{Name(p.PropertyType)}{Mark(Nullability.Create(p))} {p.Name}{Indexes(p)} {{ {string.Join(" ", Accessors(p))} }}",
        EventInfo e when Visible(e.AddMethod!) => $"event {Name(e.EventHandlerType!)} {e.Name}",
        ConstructorInfo c when Visible(c) => $"new({Parameters(c)})",
        MethodInfo m when Visible(m) && (!m.IsSpecialName || m.Name.StartsWith("op_", StringComparison.Ordinal)) && !m.Name.Contains('<', StringComparison.Ordinal) =>
            $"{Modifiers(m)}{Name(m.ReturnType)}{Mark(Nullability.Create(m.ReturnParameter))} {m.Name}{Arguments(m.GetGenericArguments())}({Parameters(m)}){Constraints(m.GetGenericArguments())}",
        _ => null,
    };

    private static bool Visible(MethodBase method) => Visible(method.IsPublic, method.IsFamily || method.IsFamilyOrAssembly);

    private static bool Visible(bool isPublic, bool isProtected) => isPublic || isProtected;

    private static string Modifiers(MethodBase method) =>
        (method.IsFamily || method.IsFamilyOrAssembly ? "protected " : "")
        + (method.IsStatic ? "static " : "")
        + (method.DeclaringType!.IsInterface ? "" : method.IsAbstract ? "abstract " : method.IsVirtual && !method.IsFinal ? "virtual " : "");

    private static IEnumerable<string> Accessors(PropertyInfo property)
    {
        if (property.GetMethod is { } get && Visible(get)) yield return "get;";
        if (property.SetMethod is not { } set || !Visible(set)) yield break;
        yield return set.ReturnParameter.GetRequiredCustomModifiers().Length > 0 ? "init;" : "set;";
    }

    private static string Indexes(PropertyInfo property) =>
        property.GetIndexParameters() is { Length: > 0 } indexes ? $"[{string.Join(", ", indexes.Select(Parameter))}]" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter)
    {
        string direction = parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? parameter.IsIn ? "in " : "ref " : "";
        string value = parameter.HasDefaultValue ? $" = {parameter.RawDefaultValue ?? "null"}" : "";
        return $"{direction}{Name(parameter.ParameterType)}{Mark(Nullability.Create(parameter))} {parameter.Name}{value}";
    }

    private static string Mark(NullabilityInfo info) => info is { ReadState: NullabilityState.Nullable, Type.IsValueType: false } ? "?" : "";

    private static string Name(Type type)
    {
        if (type.IsByRef) return Name(type.GetElementType()!);
        if (type.IsPointer) return Name(type.GetElementType()!) + "*";
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (Nullable.GetUnderlyingType(type) is { } value) return Name(value) + "?";
        string name = type.Name.Split('`')[0];
        if (type.DeclaringType is { } outer && !type.IsGenericParameter) name = $"{Name(outer)}.{name}";
        return name + Arguments(type.GetGenericArguments());
    }

    private static string Arguments(Type[] arguments) => arguments.Length == 0 ? "" : $"<{string.Join(", ", arguments.Select(Name))}>";

    private static string Constraints(Type[] arguments)
    {
        var text = new StringBuilder();
        foreach (var argument in arguments.Where(a => a.IsGenericParameter))
        {
            var constraints = argument.GetGenericParameterConstraints().Select(Name).Where(n => n != nameof(ValueType)).ToList();
            if ((argument.GenericParameterAttributes & GenericParameterAttributes.NotNullableValueTypeConstraint) != 0) constraints.Insert(0, "struct");
            else if ((argument.GenericParameterAttributes & GenericParameterAttributes.ReferenceTypeConstraint) != 0) constraints.Insert(0, "class");
            if (constraints.Count > 0) text.Append($" where {Name(argument)} : {string.Join(", ", constraints)}");
        }
        return text.ToString();
    }
}
